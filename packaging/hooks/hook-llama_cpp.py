"""llama_cpp loads its libraries by their path: PyInstaller must be told of them."""

from PyInstaller.utils.hooks import collect_dynamic_libs

binaries = collect_dynamic_libs("llama_cpp")
