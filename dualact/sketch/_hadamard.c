/* Walsh-Hadamard transform of contiguous rows, in place, Sylvester order.
 *
 * A row is n/LANES vectors of 64 bytes. Strides of a vector and more are butterflies between vectors, radix 8;
 * the strides inside a vector are shuffles, done while the vectors are still in registers. Rows are independent,
 * additions are never contracted or reordered: the bits of a row do not depend on the batch.
 * The file includes itself twice, for float and double.
 */
#ifndef REAL

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#if !defined(__GNUC__)
#error "this optional extension needs the vector extensions of GCC or Clang; dualact runs without it"
#endif

#if !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))
#define VECTOR_BYTES 64
#define IN_CACHE 256 /* vectors */

#define REAL float
#define LANES 16
#define INTEGER int32_t
#define NAME(x) x##_f32
#include "_hadamard.c"
#undef REAL
#undef LANES
#undef INTEGER
#undef NAME
#define REAL double
#define LANES 8
#define INTEGER int64_t
#define NAME(x) x##_f64
#include "_hadamard.c"

/* transform(array, n): every run of n items of a contiguous writable array of float or double. */
static PyObject *transform(PyObject *self, PyObject *args)
{
    PyObject *array;
    Py_ssize_t n;
    Py_buffer view;
    (void)self;
    if (!PyArg_ParseTuple(args, "On", &array, &n))
        return NULL;
    if (PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE | PyBUF_FORMAT) < 0)
        return NULL;
    int wide = view.format && !strcmp(view.format, "d");
    if (n < 1 || (n & (n - 1)) || view.len % (n * view.itemsize) || (!wide && strcmp(view.format, "f"))) {
        PyBuffer_Release(&view);
        PyErr_SetString(PyExc_ValueError, "transform needs float or double, and rows of a power of two");
        return NULL;
    }
    Py_ssize_t rows = view.len / (n * view.itemsize);
    Py_BEGIN_ALLOW_THREADS
    if (wide)
        rows_f64(view.buf, rows, n);
    else
        rows_f32(view.buf, rows, n);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&view);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"transform", transform, METH_VARARGS, "transform(array, n): Walsh-Hadamard transform of every n items, in place."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_hadamard", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__hadamard(void) { return PyModuleDef_Init(&module); }

#else /* once for each REAL */

#define VEC NAME(vec)
typedef REAL VEC __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

/* Strides 1, 2, 4 (and 8) inside a vector: lane i becomes x[i & ~h] +- x[i | h]. */
#define S(i, h) ((i) & (h) ? -1 : 1)
#if LANES == 16
#define SWAPPED(h)                                                                                                    \
    0 ^ h, 1 ^ h, 2 ^ h, 3 ^ h, 4 ^ h, 5 ^ h, 6 ^ h, 7 ^ h, 8 ^ h, 9 ^ h, 10 ^ h, 11 ^ h, 12 ^ h, 13 ^ h, 14 ^ h,     \
        15 ^ h
#define SIGNS(h)                                                                                                      \
    {S(0, h), S(1, h), S(2, h),  S(3, h),  S(4, h),  S(5, h),  S(6, h),  S(7, h),                                     \
     S(8, h), S(9, h), S(10, h), S(11, h), S(12, h), S(13, h), S(14, h), S(15, h)}
#else
#define SWAPPED(h) 0 ^ h, 1 ^ h, 2 ^ h, 3 ^ h, 4 ^ h, 5 ^ h, 6 ^ h, 7 ^ h
#define SIGNS(h) {S(0, h), S(1, h), S(2, h), S(3, h), S(4, h), S(5, h), S(6, h), S(7, h)}
#endif
#if defined(__clang__) || __GNUC__ >= 12
#define SHUFFLE(v, h) __builtin_shufflevector(v, v, SWAPPED(h))
#else
typedef INTEGER NAME(mask) __attribute__((vector_size(VECTOR_BYTES)));
#define SHUFFLE(v, h) __builtin_shuffle(v, (NAME(mask)){SWAPPED(h)})
#endif

INLINE VEC NAME(inside)(VEC v)
{
    const VEC s1 = SIGNS(1), s2 = SIGNS(2), s4 = SIGNS(4);
    v = v * s1 + SHUFFLE(v, 1);
    v = v * s2 + SHUFFLE(v, 2);
    v = v * s4 + SHUFFLE(v, 4);
#if LANES == 16
    const VEC s8 = SIGNS(8);
    v = v * s8 + SHUFFLE(v, 8);
#endif
    return v;
}

/* One step, strides radix*h/2 .. h vectors; the last one (h = 1) also finishes inside the vectors. */
INLINE void NAME(step)(VEC *x, Py_ssize_t h, int radix, int last)
{
    for (Py_ssize_t i = 0; i < h; i++) {
        VEC a[8];
#pragma GCC unroll 8
        for (int j = 0; j < radix; j++)
            a[j] = x[i + j * h];
#pragma GCC unroll 4
        for (int g = radix / 2; g; g /= 2)
#pragma GCC unroll 8
            for (int j = 0; j < radix; j++)
                if (!(j & g)) {
                    VEC sum = a[j] + a[j + g];
                    a[j + g] = a[j] - a[j + g];
                    a[j] = sum;
                }
#pragma GCC unroll 8
        for (int j = 0; j < radix; j++)
            x[i + j * h] = last ? NAME(inside)(a[j]) : a[j];
    }
}

CLONES static void NAME(rows)(REAL *data, Py_ssize_t rows, Py_ssize_t n)
{
    if (n < LANES) {
        for (REAL *x = data; x < data + rows * n; x += n)
            for (Py_ssize_t h = n / 2; h; h /= 2)
                for (Py_ssize_t i = 0; i < n; i++)
                    if (!(i & h)) {
                        REAL sum = x[i] + x[i + h];
                        x[i + h] = x[i] - x[i + h];
                        x[i] = sum;
                    }
        return;
    }
    Py_ssize_t vectors = n / LANES;
    for (Py_ssize_t r = 0; r < rows; r++) {
        VEC *x = (VEC *)(data + r * n);
        Py_ssize_t span = vectors;
        for (; span > IN_CACHE; span /= 8)
            for (Py_ssize_t o = 0; o < vectors; o += span)
                NAME(step)(x + o, span / 8, 8, 0);
        for (VEC *y = x; y < x + vectors; y += span) {
            Py_ssize_t s = span;
            for (; s > 8; s /= 8)
                for (Py_ssize_t o = 0; o < span; o += s)
                    NAME(step)(y + o, s / 8, 8, 0);
            for (Py_ssize_t o = 0; o < span; o += s) {
                if (s == 8)
                    NAME(step)(y + o, 1, 8, 1);
                else if (s == 4)
                    NAME(step)(y + o, 1, 4, 1);
                else if (s == 2)
                    NAME(step)(y + o, 1, 2, 1);
                else
                    NAME(step)(y + o, 1, 1, 1);
            }
        }
    }
}

#undef VEC
#undef SHUFFLE
#undef SWAPPED
#undef SIGNS
#undef S
#endif
