// Prototypes to a mask, as models.masks does it on a CPU.

// The logits of one object in some of the prototypes' cells, limited to +-`limit`.
//
// `prototypes` is [channels, rows, columns], `coefficients` [channels]; `logits` is [high, wide],
// from the cell at `left`, `top` on.
extern "C" __global__ void mask_logits(const float *prototypes, int channels, int rows, int columns,
                                       const float *coefficients, float limit, int left, int top,
                                       int wide, int high, float *logits) {
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= wide || y >= high) {
        return;
    }
    const float *cell = prototypes + (size_t)(top + y) * columns + left + x;
    float sum = 0.0f;
    for (int channel = 0; channel < channels; channel++) {
        sum += coefficients[channel] * cell[(size_t)channel * rows * columns];
    }
    logits[y * wide + x] = min(max(sum, -limit), limit);
}

// A logit between four cells; beyond the outermost it is theirs.
__device__ __forceinline__ float logit_at(const float *logits, int wide, int high, float x, float y) {
    const int left = (int)floorf(x), top = (int)floorf(y);
    const float right_share = x - left, lower_share = y - top;
    const float *above = logits + min(max(top, 0), high - 1) * wide;
    const float *below = logits + min(max(top + 1, 0), high - 1) * wide;
    const int first = min(max(left, 0), wide - 1), second = min(max(left + 1, 0), wide - 1);
    const float upper = above[first] + (above[second] - above[first]) * right_share;
    const float lower = below[first] + (below[second] - below[first]) * right_share;
    return upper + (lower - upper) * lower_share;
}

// The probabilities, times 255, of a rectangle of pixels: `mask` is [height, width].
//
// Pixel 0 lies `start_x`, `start_y` cells behind the first logit, the next one a step further.
extern "C" __global__ void mask_pixels(const float *logits, int wide, int high, double start_x,
                                       double start_y, double step_x, double step_y, Byte *mask,
                                       int width, int height) {
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) {
        return;
    }
    const float logit = logit_at(logits, wide, high, (float)(start_x + step_x * x),
                                 (float)(start_y + step_y * y));
    mask[(size_t)y * width + x] = to_byte(255.0f / (expf(-logit) + 1.0f));
}
