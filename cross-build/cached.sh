# SPDX-License-Identifier: GPL-2.0-only
#
#	sh cached.sh COMPILER ARGUMENT...	as make's CC
#
# A compiler through ccache, where there is one, in its depend mode, which preprocesses
# nothing twice: what is not in the cache costs half as much. It does not see what
# .incbin takes in, and an image with the compressed kernel of another build would boot:
# assembly, and C that does the same, goes to the compiler. The source stands last in
# kbuild's commands.

for source; do :; done
case $source in
*.S) exec "$@" ;;
*.c) grep -qs '\.incbin' "$source" && exec "$@" ;;
esac
command -v ccache >/dev/null || exec "$@"
CCACHE_DEPEND=1 exec ccache "$@"
