#!/bin/sh
# Runs what this bundle holds, wherever it has been unpacked: maskpose, the program caffe, or Python.
#
#   run maskpose predict photo.jpg --out out
#   run caffe train -solver solver.prototxt
#   run python script.py
#   run --cuda-from /path/to/site-packages maskpose gpu-drill --out drill
#
# A bundle for GPUs that does not hold CUDA's libraries takes them from the folder after --cuda-from, or $CUDA_FROM: a
# toolkit, a virtual environment, or the site-packages that NVIDIA's packages are in. Left out, they are looked for in
# what this machine's python3 imports from, in $VIRTUAL_ENV, $CONDA_PREFIX, $CUDA_HOME and /usr/local/cuda.

here=${0%/*}
[ "$here" != "$0" ] || here=.
here=$(CDPATH='' cd -- "$here" && pwd -P) || exit 2

fail() {
    echo "error: $1" >&2
    exit 2
}

# Adds the folders below $1 that hold CUDA's libraries to $found.
look_in() {
    for folder in "$1" "$1"/lib64 "$1"/lib "$1"/cu13/lib "$1"/cudnn/lib "$1"/nccl/lib \
            "$1"/nvidia/cu13/lib "$1"/nvidia/cudnn/lib "$1"/nvidia/nccl/lib \
            "$1"/nvidia/cuda_runtime/lib "$1"/nvidia/cublas/lib "$1"/nvidia/curand/lib \
            "$1"/lib/python3*/site-packages/nvidia/*/lib; do
        for library in "$folder"/libcudart.so.* "$folder"/libcublas.so.* "$folder"/libcurand.so.* \
                "$folder"/libcudnn.so.* "$folder"/libnccl.so.*; do
            if [ -e "$library" ]; then
                case ":$found:" in *":$folder:"*) ;; *) found="${found:+$found:}$folder" ;; esac
            fi
        done
    done
}

if [ "$1" = --cuda-from ]; then
    [ -d "$2" ] || fail "--cuda-from: $2 is no folder"
    CUDA_FROM=$2
    shift 2
fi
unset PYTHONPATH PYTHONHOME
export PYTHONNOUSERSITE=1
if [ -e "$here/cuda-from-outside" ]; then
    found=
    if [ -n "$CUDA_FROM" ]; then
        look_in "$CUDA_FROM"
    else
        IFS='
'
        for place in $(python3 -c 'import sys; print(*filter(None, sys.path), sep="\n")' 2>/dev/null); do
            look_in "$place"
        done
        unset IFS
        for place in "$VIRTUAL_ENV" "$CONDA_PREFIX" "$CUDA_HOME" /usr/local/cuda; do
            [ -z "$place" ] || look_in "$place"
        done
    fi
    [ -n "$found" ] || fail "CUDA's libraries were not found${CUDA_FROM:+ in $CUDA_FROM}: run --cuda-from PATH …"
    export LD_LIBRARY_PATH="$found${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
command=$1
[ $# -eq 0 ] || shift
case $command in
    maskpose) exec "$here/python/bin/python3" -m maskpose "$@" ;;
    caffe) exec "$here/python/bin/caffe" "$@" ;;
    python) exec "$here/python/bin/python3" "$@" ;;
    *) fail "expected run maskpose …, run caffe … or run python …" ;;
esac
