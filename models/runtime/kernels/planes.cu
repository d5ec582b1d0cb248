// Planes of a decoded picture as they are, but without the padding of their rows.

// Every `step`-th byte of every `step`-th row, packed; all of them with a step of 1.
extern "C" __global__ void sparse_plane(const Byte *from, int pitch, int step,
                                        Byte *to, int width, int height) {
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x < width && y < height) {
        to[(size_t)y * width + x] = from[(size_t)y * step * pitch + (size_t)x * step];
    }
}
