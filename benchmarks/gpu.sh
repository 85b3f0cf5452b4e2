#!/bin/bash
# What one CUDA card does with the recipe, in at most eight minutes. Needs the packages of Kaggle's image, nothing else.
#
#   bash benchmarks/gpu.sh                                      # on a competition made from nothing
#   bash benchmarks/gpu.sh --competition FOLDER                 # birdmini's, say
#   bash benchmarks/gpu.sh --device cpu --tiny                  # a rehearsal, in a minute or two
#
# Each section has a time limit of its own and prints Markdown; one that fails or is late costs the others nothing. The
# time that is left trains rexnet150. PYTHON names another interpreter, SECONDS_IN_ALL another limit, WHEELS a folder of
# wheels that the machine lacks, which are unpacked for this run.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
end=$((SECONDS + ${SECONDS_IN_ALL:-480}))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PYTHONUNBUFFERED=1 OMP_NUM_THREADS=2 PYTHONPATH=$root${PYTHONPATH:+:$PYTHONPATH}
if [ -n "${WHEELS:-}" ]; then
    "$python" -m pip install -q --no-index --no-deps --no-compile --target "$work/site" "$WHEELS"/*.whl
    PYTHONPATH=$PYTHONPATH:$work/site
fi

section() { # NAME SECONDS ARGUMENTS...
    local name=$1 left=$((end - SECONDS)) limit=$2
    shift 2
    [ "$limit" -lt "$left" ] || limit=$left
    echo
    echo "## $name"
    [ "$limit" -gt 5 ] || { echo "no time left"; return; }
    timeout --kill-after=5 "$limit" "$python" "$root/benchmarks/gpu.py" "$name" --work "$work" --seconds "$limit" "$@" \
        2>"$work/stderr"
    local status=$?
    [ $status -eq 0 ] || { tail -n 5 "$work/stderr"; echo "($name ended with status $status after at most $limit s)"; }
}

section prepare 60 "$@"
section speed 110 "$@"
section memory 50 "$@"
section data 70 "$@"
section resume 70 "$@"
section members 50 "$@"
section compile 90 "$@"
section train $((end - SECONDS)) "$@"
