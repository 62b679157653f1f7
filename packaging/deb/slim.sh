#!/bin/sh
# Takes out of a folder of installed libraries what Visard never loads: slim.sh FOLDER. It halves the package.
set -eu
cd "$1"

# for compilers, type checkers and the libraries' own developers
rm -rf bin include share
find . -type d \( -name tests -o -name test -o -name include -o -name cmake \) -prune -exec rm -r {} +
find . -type f \( -name '*.a' -o -name '*.h' -o -name '*.hpp' -o -name '*.pyi' -o -name '*.pxd' -o -name '*.pyx' \
    -o -name '*.pc' \) -delete

# OpenVINO: networks come as ONNX and run on the processor; the converter would bring telemetry
(
    cd openvino/libs
    rm -f cache.json libopenvino_intel_gpu_plugin.so* libopenvino_intel_npu_plugin.so* libopenvino_auto_batch_plugin.so*
    rm -f libopenvino_tensorflow*_frontend.so* libopenvino_paddle_frontend.so* libopenvino_pytorch_frontend.so*
    rm -f libopenvino_jax_frontend.so* libopenvino_gguf_frontend.so* libopenvino_c.so*
)
rm -rf openvino/frontend/pytorch openvino/frontend/tensorflow openvino/frontend/jax openvino/frontend/paddle
rm -rf openvino/tools openvino/torch openvino_telemetry openvino_telemetry-*.dist-info

# ONNX Runtime: tools for training and converting, and its second copy for C programs
rm -rf onnxruntime/tools onnxruntime/datasets onnxruntime/quantization
find onnxruntime/transformers -mindepth 1 -maxdepth 1 -type d -exec rm -r {} +
rm -f onnxruntime/capi/libonnxruntime.so*

# NumPy's Fortran compiler, OpenCV's old face finders
rm -rf numpy/f2py numpy/distutils cv2/data/*.xml

find . -name '_*_tests.cpython-*' -delete

# where it was built, and what pip would need to uninstall: the package manager does that
rm -f ./*.dist-info/RECORD ./*.dist-info/direct_url.json ./*.dist-info/REQUESTED
