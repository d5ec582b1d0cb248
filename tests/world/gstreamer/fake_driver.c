/* A driver's library that is there, and does nothing: no GPU stands behind it. */
int cuInit(unsigned flags)
{
  return 100; /* CUDA_ERROR_NO_DEVICE */
}
