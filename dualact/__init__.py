"""Neural kernels (NNGP, NTK) with any activation: exact matrices and sketched feature maps."""
