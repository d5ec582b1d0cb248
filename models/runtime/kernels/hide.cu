// Hides in NV12, in place, as agent.redact.replacement and agent.redact.hide do it on a CPU.

// The pixels of a picture that one patch may change.
//
// Chroma has half of `left` and `top`, which are even, and half of the sides, rounded up.
struct Region {
    Byte *luma, *chroma;
    int luma_pitch, chroma_pitch, left, top, width, height;
};

// One of the three channels of a region: 0 for Y, 1 for U, 2 for V.
struct Part {
    Byte *bytes;
    int pitch, step, width, height;
};

__device__ __forceinline__ Part part_of(Region all, int channel) {
    if (channel == 0) {
        return {all.luma + (size_t)all.top * all.luma_pitch + all.left, all.luma_pitch, 1,
                all.width, all.height};
    }
    return {all.chroma + (size_t)(all.top / 2) * all.chroma_pitch + all.left + (channel - 1),
            all.chroma_pitch, 2, (all.width + 1) / 2, (all.height + 1) / 2};
}

// The inputs that an output averages, [begin, end), and what each of them weighs: those before
// `first` weigh `before`, those from `last` on `after`, all others `within`. OpenCV's INTER_AREA.
struct Share {
    int begin, end, first, last;
    float before, within, after;
};

__device__ __forceinline__ Share share_of(int output, int inputs, double scale) {
    const double from = output * scale, to = from + scale, all = min(scale, inputs - from);
    const int last = min((int)floor(to), inputs - 1), first = min((int)ceil(from), last);
    const bool before = first - from > 1e-3, after = to - last > 1e-3;
    return {before ? first - 1 : first,
            after ? last + 1 : last,
            first,
            last,
            (float)((first - from) / all),
            (float)(1.0 / all),
            (float)(min(min(to - last, 1.0), all) / all)};
}

// The same where the inputs of every output are so many whole ones: each counts as it is.
__device__ __forceinline__ Share whole_share_of(int output, int each) {
    return {output * each, (output + 1) * each, output * each, (output + 1) * each, 1, 1, 1};
}

__device__ __forceinline__ float weight(Share share, int input) {
    return input < share.first ? share.before : input < share.last ? share.within : share.after;
}

__device__ __forceinline__ double inputs_an_output(int inputs, int outputs) {
    return 1.0 / ((double)outputs / inputs);
}

__device__ __forceinline__ bool is_whole(double scale) {
    return fabs(scale - rint(scale)) < 2.220446049250313e-16;
}

// A pixel of a channel at half its size, where a side is odd.
__device__ __forceinline__ Byte halved(Part from, int x, int y) {
    const double scale_x = inputs_an_output(from.width, (from.width + 1) / 2);
    const double scale_y = inputs_an_output(from.height, (from.height + 1) / 2);
    const bool whole = is_whole(scale_x) && is_whole(scale_y); // a side of one pixel stays one
    const Share columns = whole ? whole_share_of(x, (int)scale_x) : share_of(x, from.width, scale_x);
    const Share rows = whole ? whole_share_of(y, (int)scale_y) : share_of(y, from.height, scale_y);
    float sum = 0.0f;
    for (int row = rows.begin; row < rows.end; row++) {
        const Byte *bytes = from.bytes + (size_t)row * from.pitch;
        float along = 0.0f;
        for (int column = columns.begin; column < columns.end; column++) {
            along += bytes[column * from.step] * weight(columns, column);
        }
        sum += weight(rows, row) * along;
    }
    return to_byte(whole ? sum * (1.0f / ((int)scale_x * (int)scale_y)) : sum);
}

// The sides of a channel of a region at half its size: where averages begin.
struct Half {
    int width, height;
};

__device__ __forceinline__ Half half_of(int width, int height, int channel) {
    return channel == 0 ? Half{(width + 1) / 2, (height + 1) / 2}
                        : Half{((width + 1) / 2 + 1) / 2, ((height + 1) / 2 + 1) / 2};
}

// The region at half its size, into `halves`: three channels, each behind as much room as luma
// takes, with rows as long as it is wide. z counts channels.
extern "C" __global__ void halve(Byte *luma, int luma_pitch, Byte *chroma, int chroma_pitch,
                                 int left, int top, int width, int height, Byte *halves) {
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    const int channel = blockIdx.z;
    const Half half = half_of(width, height, channel), room = half_of(width, height, 0);
    if (x >= half.width || y >= half.height) {
        return;
    }
    const Region all = {luma, chroma, luma_pitch, chroma_pitch, left, top, width, height};
    const Part from = part_of(all, channel);
    Byte value;
    if (from.width % 2 == 0 && from.height % 2 == 0) {
        const Byte *above = from.bytes + (size_t)(2 * y) * from.pitch + 2 * x * from.step;
        const Byte *below = above + from.pitch;
        value = quarter(above[0] + above[from.step] + below[0] + below[from.step], channel != 0);
    } else {
        value = halved(from, x, y);
    }
    halves[(size_t)channel * room.width * room.height + (size_t)y * half.width + x] = value;
}

// How a half becomes cells.
struct Grid {
    double scale_x, scale_y;
    bool whole; // so many pixels a cell, and no fractions
};

__device__ __forceinline__ Grid grid_of(Half from, int across, int down) {
    const double scale_x = inputs_an_output(from.width, across);
    const double scale_y = inputs_an_output(from.height, down);
    return {scale_x, scale_y, is_whole(scale_x) && is_whole(scale_y)};
}

// The first step to the average of each cell: along the rows of the halves.
//
// `sums` is float [3, `room.height`, `across`]; x counts cells, y rows and z channels.
extern "C" __global__ void row_sums(int width, int height, const Byte *halves, int across, int down,
                                    float *sums) {
    const int cell = blockIdx.x * blockDim.x + threadIdx.x;
    const int row = blockIdx.y * blockDim.y + threadIdx.y;
    const int channel = blockIdx.z;
    const Half from = half_of(width, height, channel), room = half_of(width, height, 0);
    if (cell >= across || row >= from.height) {
        return;
    }
    const Grid grid = grid_of(from, across, down);
    const Share share = grid.whole ? whole_share_of(cell, (int)rint(grid.scale_x))
                                   : share_of(cell, from.width, grid.scale_x);
    const Byte *bytes = halves + (size_t)channel * room.width * room.height;
    bytes += (size_t)row * from.width;
    float sum = 0.0f;
    for (int column = share.begin; column < share.end; column++) {
        sum += bytes[column] * weight(share, column);
    }
    sums[((size_t)channel * room.height + row) * across + cell] = sum;
}

// The second step: the average of a cell, of one channel's sums.
__device__ __forceinline__ Byte average(const float *sums, Half from, Grid grid, int x, int y,
                                        int across, bool half_to_even) {
    const int wide = (int)rint(grid.scale_x), high = (int)rint(grid.scale_y);
    const Share share =
        grid.whole ? whole_share_of(y, high) : share_of(y, from.height, grid.scale_y);
    float sum = 0.0f; // with whole shares of whole numbers below 2^24, so it is exact
    for (int row = share.begin; row < share.end; row++) {
        sum += weight(share, row) * sums[row * across + x];
    }
    if (!grid.whole) {
        return to_byte(sum);
    }
    return wide == 2 && high == 2 ? quarter((int)sum, half_to_even)
                                  : to_byte(sum * (1.0f / (wide * high)));
}

// Each cell's value, rounded to 4 bits (luma) or 5: `cells` is [3, `down`, `across`].
//
// With `smooth` it is the mean of the averages of the cell and its neighbours.
extern "C" __global__ void cell_values(int width, int height, const float *sums, int across,
                                       int down, int smooth, Byte *cells) {
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    const int channel = blockIdx.z;
    if (x >= across || y >= down) {
        return;
    }
    const Half from = half_of(width, height, channel), room = half_of(width, height, 0);
    const Grid grid = grid_of(from, across, down);
    const int reach = smooth ? 1 : 0, count = smooth ? 9 : 1;
    sums += (size_t)channel * room.height * across;
    int value = 0;
    for (int row = y - reach; row <= y + reach; row++) {
        for (int column = x - reach; column <= x + reach; column++) {
            value += average(sums, from, grid, min(max(column, 0), across - 1),
                             min(max(row, 0), down - 1), across, channel != 0);
        }
    }
    value = (2 * value + count) / (2 * count); // the nearest; a ninth is never half way
    const int quantum = channel == 0 ? 16 : 8;
    value = min((value + quantum / 2) / quantum * quantum, 256 - quantum);
    cells[(channel * down + y) * across + x] = (Byte)value;
}

// What stands at a pixel of a channel that is hidden by cells.
__device__ Byte replaced(const Byte *cells, int across, int down, int x, int y, double scale_x,
                         double scale_y, bool smooth) {
    if (!smooth) {
        const int column = min((int)floor(x * scale_x), across - 1);
        return cells[min((int)floor(y * scale_y), down - 1) * across + column];
    }
    const Between by_x = between(x, across, scale_x, true);
    const Between by_y = between(y, down, scale_y, false);
    const Byte *above = cells + by_y.first * across, *below = cells + by_y.second * across;
    return (Byte)blended(above[by_x.first], above[by_x.second], below[by_x.first],
                         below[by_x.second], by_x, by_y);
}

// Put cells, or one colour where `cells` is null, in the place of what `mask` covers.
//
// `mask` is [.., `mask_width`], even along both sides, not 0 where a pixel is to be hidden; null
// for the whole region. A sample of chroma is hidden with any of its four pixels. The scales are
// cells a pixel. x and y count pixels; z is 0 for luma and 1 for chroma.
extern "C" __global__ void cover(Byte *luma, int luma_pitch, Byte *chroma, int chroma_pitch,
                                 int left, int top, int width, int height, const Byte *mask,
                                 int mask_width, const Byte *cells, int across, int down,
                                 int smooth, double luma_scale_x, double luma_scale_y,
                                 double chroma_scale_x, double chroma_scale_y, int flat_y,
                                 int flat_u, int flat_v) {
    const int x = blockIdx.x * blockDim.x + threadIdx.x;
    const int y = blockIdx.y * blockDim.y + threadIdx.y;
    const Region all = {luma, chroma, luma_pitch, chroma_pitch, left, top, width, height};
    if (blockIdx.z == 0) {
        const Part to = part_of(all, 0);
        if (x < to.width && y < to.height && (!mask || mask[(size_t)y * mask_width + x])) {
            to.bytes[(size_t)y * to.pitch + x] =
                cells ? replaced(cells, across, down, x, y, luma_scale_x, luma_scale_y, smooth)
                      : (Byte)flat_y;
        }
        return;
    }
    const Part to = part_of(all, 1);
    if (x >= to.width || y >= to.height) {
        return;
    }
    if (mask) {
        const Byte *above = mask + (size_t)(2 * y) * mask_width + 2 * x, *below = above + mask_width;
        if (!(above[0] | above[1] | below[0] | below[1])) {
            return;
        }
    }
    Byte *uv = to.bytes + (size_t)y * to.pitch + 2 * x;
    if (cells) {
        const Byte *of_u = cells + across * down, *of_v = of_u + across * down;
        uv[0] = replaced(of_u, across, down, x, y, chroma_scale_x, chroma_scale_y, smooth);
        uv[1] = replaced(of_v, across, down, x, y, chroma_scale_x, chroma_scale_y, smooth);
    } else {
        uv[0] = (Byte)flat_u;
        uv[1] = (Byte)flat_v;
    }
}
