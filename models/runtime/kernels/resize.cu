// How OpenCV scales pictures of 8 bits on a CPU (modules/imgproc/src/resize.cpp), step by step, so
// that a GPU gives the same bytes. Where it rounds, this rounds.

typedef unsigned char Byte;

// The nearest whole number, of two the even one; saturated.
__device__ __forceinline__ Byte to_byte(float value) {
    return (Byte)min(max((int)rintf(value), 0), 255);
}

// The mean of four values from their sum. OpenCV rounds a half up where pixels have one channel,
// and to even where they have two.
__device__ __forceinline__ Byte quarter(int sum, bool half_to_even) {
    return half_to_even ? to_byte(sum * 0.25f) : (Byte)((sum + 2) >> 2);
}

// Between which two inputs an output lies, and their shares of 2048.
struct Between {
    int first, second, first_share, second_share;
};

// `cut` drops the fraction at the edges instead of reading the edge twice: along x, not along y.
__device__ __forceinline__ Between between(int output, int inputs, double scale, bool cut) {
    const float place = (float)((output + 0.5) * scale - 0.5);
    const int low = (int)floorf(place);
    float share = place - low;
    if (cut && (low < 0 || low >= inputs - 1)) {
        share = 0.0f;
    }
    return {min(max(low, 0), inputs - 1), min(max(low + 1, 0), inputs - 1),
            (int)rintf((1.0f - share) * 2048.0f), (int)rintf(share * 2048.0f)};
}

// INTER_LINEAR of four neighbours a b / c d.
__device__ __forceinline__ int blended(int a, int b, int c, int d, Between x, Between y) {
    const int above = a * x.first_share + b * x.second_share;
    const int below = c * x.first_share + d * x.second_share;
    return (((y.first_share * (above >> 4)) >> 16) + ((y.second_share * (below >> 4)) >> 16) + 2) >>
           2;
}
