// What CUDA C needs to be C++: one thread after the other, so no barriers and no shared memory.
// The launchers that tests/cuda/launch.py writes behind a source count through grid and block.
#include <algorithm>
#include <cmath>
#include <cstddef>

#define __global__
#define __device__
#define __forceinline__ inline

struct Indices {
    unsigned int x, y, z;
};
static thread_local Indices threadIdx, blockIdx, blockDim, gridDim;

using std::max;
using std::min;

template <typename Kernel> void every_thread(Indices grid, Indices block, Kernel kernel) {
    gridDim = grid;
    blockDim = block;
    for (blockIdx.z = 0; blockIdx.z < grid.z; blockIdx.z++)
        for (blockIdx.y = 0; blockIdx.y < grid.y; blockIdx.y++)
            for (blockIdx.x = 0; blockIdx.x < grid.x; blockIdx.x++)
                for (threadIdx.z = 0; threadIdx.z < block.z; threadIdx.z++)
                    for (threadIdx.y = 0; threadIdx.y < block.y; threadIdx.y++)
                        for (threadIdx.x = 0; threadIdx.x < block.x; threadIdx.x++) kernel();
}
