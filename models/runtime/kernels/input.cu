// A picture to a network's input, as models.preprocess and models.input_buffer do it on a CPU.

// One channel of a picture: `step` bytes from one value to the next; `scale_x` and `scale_y` are
// its pixels a pixel of the network's input.
struct Channel {
    const Byte *bytes;
    int pitch, step, width, height;
    double scale_x, scale_y;
};

// Its value at a pixel of the scaled picture, which is `across` x `down` pixels.
__device__ __forceinline__ int scaled(Channel from, int x, int y, int across, int down) {
    if (from.width == 2 * across && from.height == 2 * down) {
        const Byte *above = from.bytes + (size_t)(2 * y) * from.pitch + 2 * x * from.step;
        const Byte *below = above + from.pitch;
        return quarter(above[0] + above[from.step] + below[0] + below[from.step], from.step == 2);
    }
    const Between by_x = between(x, from.width, from.scale_x, true);
    const Between by_y = between(y, from.height, from.scale_y, false);
    const Byte *above = from.bytes + (size_t)by_y.first * from.pitch;
    const Byte *below = from.bytes + (size_t)by_y.second * from.pitch;
    const int left = by_x.first * from.step, right = by_x.second * from.step;
    return blended(above[left], above[right], below[left], below[right], by_x, by_y);
}

// What R, G or B is of Y, U and V, in 1024ths, as cv2.transform has it.
__device__ __forceinline__ int converted(int y, int u, int v, int by_y, int by_u, int by_v, int add) {
    return min(max((by_y * y + by_u * u + by_v * v + add) >> 10, 0), 255);
}

// What a value is to the network: a product where `factor` is not 0, else a quotient.
__device__ __forceinline__ float normal(int value, float mean, float std, float factor) {
    return factor != 0.0f ? value * factor : (value - mean) / std;
}

// I420 (a `chroma_step` of 1) or NV12 (of 2) to float [3, down, across].
//
// The first channel is that of `mean_0`; `first` says which of R, G, B it is, 0 or 2. The picture
// lies at `left`, `top`, `inner_width` x `inner_height` pixels large; all around it is `pad`.
extern "C" __global__ void network_input(
    const Byte *luma, int luma_pitch, const Byte *u, const Byte *v, int chroma_pitch,
    int chroma_step, int width, int height, double luma_scale_x, double luma_scale_y,
    double chroma_scale_x, double chroma_scale_y, int r_by_y, int r_by_u, int r_by_v, int r_add,
    int g_by_y, int g_by_u, int g_by_v, int g_add, int b_by_y, int b_by_u, int b_by_v, int b_add,
    int first, float mean_0, float mean_1, float mean_2, float std_0, float std_1, float std_2,
    float factor, int pad, int left, int top, int inner_width, int inner_height, float *to,
    int across, int down) {
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    const int row = blockIdx.y * blockDim.y + threadIdx.y;
    if (column >= across || row >= down) {
        return;
    }
    const int x = column - left, y = row - top;
    int red = pad, green = pad, blue = pad;
    if (x >= 0 && x < inner_width && y >= 0 && y < inner_height) {
        const int half_width = (width + 1) / 2, half_height = (height + 1) / 2;
        Channel from = {luma, luma_pitch, 1, width, height, luma_scale_x, luma_scale_y};
        const int by_y = scaled(from, x, y, inner_width, inner_height);
        from = {u, chroma_pitch, chroma_step, half_width, half_height, chroma_scale_x,
                chroma_scale_y};
        const int by_u = scaled(from, x, y, inner_width, inner_height);
        from.bytes = v;
        const int by_v = scaled(from, x, y, inner_width, inner_height);
        red = converted(by_y, by_u, by_v, r_by_y, r_by_u, r_by_v, r_add);
        green = converted(by_y, by_u, by_v, g_by_y, g_by_u, g_by_v, g_add);
        blue = converted(by_y, by_u, by_v, b_by_y, b_by_u, b_by_v, b_add);
    }
    const size_t plane = (size_t)across * down, at = (size_t)row * across + column;
    to[at] = normal(first == 0 ? red : blue, mean_0, std_0, factor);
    to[plane + at] = normal(green, mean_1, std_1, factor);
    to[2 * plane + at] = normal(first == 0 ? blue : red, mean_2, std_2, factor);
}
