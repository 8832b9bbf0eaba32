#!/usr/bin/env bash
# Training a MobileNetV2 of output stride 8 or 16 in bfloat16 and channels-last layout on a CPU: the gradient of a dilated depthwise
# convolution's weights.
#
# Guess, written before running: layout and half precision change nothing but rounding, so the gradient is within a few per cent of the
# float64 one, as in float32; a shape for which there is no fast kernel falls back to a slow and right one.
#
# Found (torch 2.14.1 from the package index, oneDNN 3.12.0, CPUs with AVX-512; no error, no warning):
# - bfloat16 and channels-last, dilation 2, 3 or 4, maps of 30 and more pixels: not one number of the weights' gradient is right; it differs from
#   run to run (now of the usual size, now 1e20 and more), as if it had never been written;
# - right are: the same in the usual layout, in float32, in float16, without dilation, with stride 2; maps of 28 pixels and less; the output and
#   the input's gradient always; and everything where ONEDNN_MAX_CPU_ISA=AVX2 is set.
# A dilated depthwise 3x3 convolution is what an output stride of 8 or 16 makes of MobileNets, and what separable ASPP heads consist of: they train
# on noise, or stop at a gradient that is not finite, in the very setting that is recommended for speed.
#
# What to do: split the maps into dilation x dilation grids of pixels and convolve these without dilation; it is faster, too.
#
# Run: bash findings/depthwise_gradients.sh      (fails if any of this changes; says so on a CPU without AVX-512)
set -euo pipefail
grep -qw avx512bw /proc/cpuinfo || { echo "this CPU has no AVX-512: nothing to see here"; exit 0; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q "torch==2.14.1" "numpy==2.4.2"
cat >"$folder/gradients.py" <<'PYTHON'
import os

import torch
from torch.nn.functional import conv2d

CHANNELS = 64


def errors(dtype, layout, side, dilation, stride=1):
    """Largest error of the weights' and of the input's gradient, as a share of their largest number."""
    torch.manual_seed(0)
    images, weight = torch.randn(2, CHANNELS, side, side).to(dtype), torch.randn(CHANNELS, 1, 3, 3).to(dtype)

    def gradients(kind, memory_format):
        inputs = [images.to(kind).contiguous(memory_format=memory_format).requires_grad_(), weight.to(kind).requires_grad_()]
        output = conv2d(*inputs, None, stride, dilation, dilation, CHANNELS)
        of_output = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
        of_output = of_output.to(kind).contiguous(memory_format=memory_format)
        return torch.autograd.grad(output, inputs[::-1], of_output)

    exact = gradients(torch.float64, torch.contiguous_format)
    return [
        float((own.double() - wanted).abs().max() / wanted.abs().max())
        for own, wanted in zip(gradients(dtype, layout), exact, strict=True)
    ]


wrong = []
for dtype in (torch.float32, torch.float16, torch.bfloat16):
    for layout in (torch.contiguous_format, torch.channels_last):
        for dilation in (1, 2, 3, 4):
            for side in (20, 28, 32, 48):
                for stride in (1, 2):
                    of_weight, of_input = errors(dtype, layout, side, dilation, stride)
                    assert of_input < 0.02, "the input's gradient is wrong"
                    if not of_weight < 0.05:
                        wrong.append((str(dtype), str(layout), dilation, side, stride))
                        print(*wrong[-1], f"weights' gradient: error {of_weight:.1g} of its largest number")
print(len(wrong), "of 192 wrong")
expected = [("torch.bfloat16", "torch.channels_last", dilation, side, 1) for dilation in (2, 3, 4) for side in (32, 48)]
assert wrong == ([] if os.environ.get("ONEDNN_MAX_CPU_ISA") == "AVX2" else expected), "this has changed"
PYTHON
"$folder/venv/bin/python" "$folder/gradients.py"
echo "with ONEDNN_MAX_CPU_ISA=AVX2:"
ONEDNN_MAX_CPU_ISA=AVX2 "$folder/venv/bin/python" "$folder/gradients.py"
