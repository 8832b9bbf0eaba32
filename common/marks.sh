# For the reproduce.sh of the methods: the marks between which a method's scores are read (floor, plain CAM, CAM x saliency,
# ceiling), made by common.chain. Its three DeepLab-v2 trainings run beside the method's own stages, each side with half of
# the cores: small networks gain little from more.
#
#   source common/marks.sh
#   begin_marks OUT FLAGS_OF_COMMON_CHAIN     afterwards the classifier, its CAMs and the pseudo labels are there
#   end_marks                                 afterwards the rest
#
# `python` names the interpreter. The trainings' output goes to OUT/segmentation.log.
begin_marks() {
    local cores
    mkdir -p "$1"
    marks_log=$(cd "$1" && pwd)/segmentation.log
    "$python" -m common.chain --out "$@" --until labels
    cores=$("$python" -c "import os; print(os.cpu_count())")
    if [[ $cores =~ ^[0-9]+$ ]]; then export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(((cores + 1) / 2))}; fi
    echo "the marks' DeepLab-v2 trainings run meanwhile: $marks_log"
    "$python" -m common.chain --out "$@" >"$marks_log" 2>&1 &
    marks_job=$!
    trap 'kill "$marks_job" 2>/dev/null || true' EXIT
}

end_marks() {
    local status=0
    wait "$marks_job" || status=$?
    # Its number may belong to another process from now on.
    trap - EXIT
    if [[ $status -ne 0 ]]; then
        tail -n 5 "$marks_log" >&2
        echo "error: the marks failed; $marks_log says why" >&2
        exit 1
    fi
}
