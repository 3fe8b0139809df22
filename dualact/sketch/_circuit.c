/* Run a sketch circuit (dualact/sketch/circuit.py) on groups of rows.
 *
 * Every number of the circuit is a vector of LANES rows (64 bytes), so that transforms, phases, permutations and
 * products are the same few vector instructions whatever their stride, and each lane sees the same operations in
 * the same order: the bits of a row depend neither on its neighbours nor on its place in the batch.
 * The input is dense rows, or the nonzeros of sparse ones, which sparse leaves (dualact/sketch/embedding.py) read.
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
#define IN_CACHE 256 /* vectors: sixteen KiB, half of the smallest first-level cache in use */

typedef struct {
    char *data;
    Py_ssize_t row_step, column_step;
} Output;

typedef struct {
    const void *rows;               /* dense, n_features a row; or, if NULL, */
    const void *values, *along;     /* nonzeros, and what is to be subtracted of the direction from each row, */
    const int64_t *indices, *starts; /* columns, and where each row starts */
} Input;

/* The bits of a coordinate: dualact.sketch.embedding.hashed. */
INLINE uint64_t word(uint64_t index, uint64_t first, uint64_t second)
{
    uint64_t z = (index + first) * 0x9E3779B97F4A7C15u;
    z = ((z ^ (z >> 32)) + second) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 29)) * 0x94D049BB133111EBu;
    return z ^ (z >> 32);
}

#define REAL float
#define NAME(x) x##_f32
#include "_circuit.c"
#undef REAL
#undef NAME
#define REAL double
#define NAME(x) x##_f64
#include "_circuit.c"

/* Hold the outputs, run, and release them; NULL with an exception set if they do not fit. */
static PyObject *run_into(Py_buffer *program, Py_buffer *tables, Py_buffer *weights, Py_buffer *scratch, Input in,
                          Py_ssize_t n_rows, Py_ssize_t n_features, Py_ssize_t itemsize, PyObject *outputs)
{
    Py_ssize_t count = PyTuple_GET_SIZE(outputs), held = 0;
    PyObject *result = NULL;
    Py_buffer *views = PyMem_Calloc((size_t)(count ? count : 1), sizeof *views);
    Output *outs = PyMem_Calloc((size_t)(count ? count : 1), sizeof *outs);
    if (!views || !outs) {
        PyErr_NoMemory();
        goto done;
    }
    for (; held < count; held++) {
        Py_buffer *v = &views[held];
        if (PyObject_GetBuffer(PyTuple_GET_ITEM(outputs, held), v, PyBUF_STRIDES | PyBUF_WRITABLE) < 0)
            goto done;
        if (v->ndim != 2 || v->itemsize != itemsize || v->shape[0] != n_rows) {
            held++;
            PyErr_SetString(PyExc_ValueError, "outputs must be 2-D, with the rows and item size of the input");
            goto done;
        }
        outs[held].data = v->buf;
        outs[held].row_step = v->strides[0];
        outs[held].column_step = v->strides[1];
    }
    {
        uintptr_t aligned = ((uintptr_t)scratch->buf + VECTOR_BYTES - 1) & ~(uintptr_t)(VECTOR_BYTES - 1);
        Py_BEGIN_ALLOW_THREADS
        if (itemsize == 8)
            run_f64(program->buf, tables->buf, weights->buf, in, n_rows, n_features, (void *)aligned, outs);
        else
            run_f32(program->buf, tables->buf, weights->buf, in, n_rows, n_features, (void *)aligned, outs);
        Py_END_ALLOW_THREADS
    }
    result = Py_NewRef(Py_None);
done:
    while (held > 0)
        PyBuffer_Release(&views[--held]);
    PyMem_Free(views);
    PyMem_Free(outs);
    return result;
}

static void release(Py_buffer *buffers, int count)
{
    for (int i = 0; i < count; i++)
        PyBuffer_Release(&buffers[i]);
}

/* run(program, tables, weights, rows, n_features, scratch, outputs) */
static PyObject *run(PyObject *self, PyObject *args)
{
    Py_buffer b[5]; /* program, tables, weights, rows, scratch */
    Py_ssize_t n_features;
    PyObject *outputs;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*y*nw*O!", &b[0], &b[1], &b[2], &b[3], &n_features, &b[4], &PyTuple_Type,
                          &outputs))
        return NULL;
    Py_ssize_t n_rows = n_features > 0 ? b[3].len / (n_features * b[3].itemsize) : 0;
    Input in = {.rows = b[3].buf};
    PyObject *result = run_into(&b[0], &b[1], &b[2], &b[4], in, n_rows, n_features, b[3].itemsize, outputs);
    release(b, 5);
    return result;
}

/* run_sparse(program, tables, weights, values, indices, starts, along, scratch, outputs) */
static PyObject *run_sparse(PyObject *self, PyObject *args)
{
    Py_buffer b[8];
    PyObject *outputs, *result = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*y*w*O!", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &b[6], &b[7],
                          &PyTuple_Type, &outputs))
        return NULL;
    Py_ssize_t n_rows = b[6].len / b[6].itemsize;
    if (b[4].itemsize != 8 || b[5].len != (n_rows + 1) * 8 || b[6].itemsize != b[3].itemsize) {
        PyErr_SetString(PyExc_ValueError, "indices and starts must be int64, along as long as there are rows");
    } else {
        Input in = {.values = b[3].buf, .along = b[6].buf, .indices = b[4].buf, .starts = b[5].buf};
        result = run_into(&b[0], &b[1], &b[2], &b[7], in, n_rows, 0, b[3].itemsize, outputs);
    }
    release(b, 8);
    return result;
}

static PyMethodDef methods[] = {
    {"run", run, METH_VARARGS, "run(program, tables, weights, rows, n_features, scratch, outputs): fill outputs."},
    {"run_sparse", run_sparse, METH_VARARGS,
     "run_sparse(program, tables, weights, values, indices, starts, along, scratch, outputs): fill outputs."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_circuit", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__circuit(void) { return PyModuleDef_Init(&module); }

#else /* once for each REAL */

#define LANES ((Py_ssize_t)(VECTOR_BYTES / sizeof(REAL)))
#define VEC NAME(vec)
typedef REAL VEC __attribute__((vector_size(VECTOR_BYTES), aligned(VECTOR_BYTES), may_alias));

/* Butterflies of 2, 4 or 8 vectors held in registers. */
INLINE void NAME(butterfly)(VEC *a, int radix)
{
#pragma GCC unroll 4
    for (int h = radix / 2; h; h /= 2)
#pragma GCC unroll 8
        for (int i = 0; i < radix; i++)
            if (!(i & h)) {
                VEC sum = a[i] + a[i + h];
                a[i + h] = a[i] - a[i + h];
                a[i] = sum;
            }
}

/* One step of the transform of radix*h vectors, in place: strides radix*h/2 .. h. */
INLINE void NAME(step)(VEC *x, Py_ssize_t h, int radix)
{
    for (Py_ssize_t i = 0; i < h; i++) {
        VEC a[8];
#pragma GCC unroll 8
        for (int j = 0; j < radix; j++)
            a[j] = x[i + j * h];
        NAME(butterfly)(a, radix);
#pragma GCC unroll 8
        for (int j = 0; j < radix; j++)
            x[i + j * h] = a[j];
    }
}

/* All remaining steps: runs of `span` vectors out of `total`, the largest strides first, then run by run in cache. */
INLINE void NAME(transform)(VEC *x, Py_ssize_t total, Py_ssize_t span)
{
    while (span > IN_CACHE) {
        for (Py_ssize_t o = 0; o < total; o += span)
            NAME(step)(x + o, span / 8, 8);
        span /= 8;
    }
    for (Py_ssize_t o = 0; o < total; o += span)
        for (Py_ssize_t s = span; s > 1; s = s >= 8 ? s / 8 : 1)
            for (VEC *y = x + o; y < x + o + span; y += s) {
                if (s >= 8)
                    NAME(step)(y, s / 8, 8);
                else if (s == 4)
                    NAME(step)(y, 1, 4);
                else
                    NAME(step)(y, 1, 2);
            }
}

/* Slot: the sum over layers of coordinate code>>2, turned by i**(code&3). */
INLINE void NAME(slot)(const int32_t *code, Py_ssize_t layers, Py_ssize_t size, const VEC *re, const VEC *im,
                       int real, VEC *out_re, VEC *out_im)
{
    static const REAL cos4[4] = {1, 0, -1, 0}, sin4[4] = {0, 1, 0, -1};
    static const REAL sign_re[4] = {1, -1, -1, 1}, sign_im[4] = {1, 1, -1, -1};
    VEC a = {0}, b = {0};
    for (Py_ssize_t l = 0; l < layers; l++) {
        int32_t c = code[l * size];
        Py_ssize_t i = c >> 2;
        int turn = c & 3;
        if (real) {
            a += cos4[turn] * re[i];
        } else if (!im) {
            a += cos4[turn] * re[i];
            b += sin4[turn] * re[i];
        } else {
            a += sign_re[turn] * (turn & 1 ? im : re)[i];
            b += sign_im[turn] * (turn & 1 ? re : im)[i];
        }
    }
    *out_re = a;
    *out_im = b;
}

/* Place the coordinates and do the first step of radix `radix` of every run of `block` slots. */
INLINE void NAME(place)(const int32_t *code, Py_ssize_t layers, Py_ssize_t size, Py_ssize_t block, const VEC *re,
                        const VEC *im, int real, VEC *out_re, VEC *out_im, int radix)
{
    Py_ssize_t h = block / radix;
    for (Py_ssize_t o = 0; o < size; o += block)
        for (Py_ssize_t i = o; i < o + h; i++) {
            VEC a[8], b[8];
#pragma GCC unroll 8
            for (int j = 0; j < radix; j++)
                NAME(slot)(code + i + j * h, layers, size, re, im, real, &a[j], &b[j]);
            NAME(butterfly)(a, radix);
#pragma GCC unroll 8
            for (int j = 0; j < radix; j++)
                out_re[i + j * h] = a[j];
            if (!real) {
                NAME(butterfly)(b, radix);
#pragma GCC unroll 8
                for (int j = 0; j < radix; j++)
                    out_im[i + j * h] = b[j];
            }
        }
}

INLINE void NAME(place_any)(const int32_t *code, Py_ssize_t layers, Py_ssize_t size, Py_ssize_t block, const VEC *re,
                            const VEC *im, int real, VEC *out_re, VEC *out_im)
{
    if (block >= 8)
        NAME(place)(code, layers, size, block, re, im, real, out_re, out_im, 8);
    else if (block == 4)
        NAME(place)(code, layers, size, block, re, im, real, out_re, out_im, 4);
    else if (block == 2)
        NAME(place)(code, layers, size, block, re, im, real, out_re, out_im, 2);
    else
        NAME(place)(code, layers, size, block, re, im, real, out_re, out_im, 1);
}

/* One SRHT: `size` slots in runs of `block`. */
INLINE void NAME(srht)(const int32_t *code, Py_ssize_t layers, Py_ssize_t size, Py_ssize_t block, const VEC *re,
                       const VEC *im, int real, VEC *out_re, VEC *out_im)
{
    if (layers == 1 && real)
        NAME(place_any)(code, 1, size, block, re, NULL, 1, out_re, out_im);
    else if (layers == 1 && !im)
        NAME(place_any)(code, 1, size, block, re, NULL, 0, out_re, out_im);
    else if (layers == 1)
        NAME(place_any)(code, 1, size, block, re, im, 0, out_re, out_im);
    else
        NAME(place_any)(code, layers, size, block, re, im, real, out_re, out_im);
    Py_ssize_t span = block >= 8 ? block / 8 : 1;
    NAME(transform)(out_re, size, span);
    if (!real)
        NAME(transform)(out_im, size, span);
}

/* One row into the slots of its lane. */
INLINE void NAME(scatter)(const REAL *values, const int64_t *indices, Py_ssize_t count, uint64_t first,
                          uint64_t second, int spread, uint64_t block, int real, REAL scale, REAL *re, REAL *im)
{
    for (Py_ssize_t n = 0; n < count; n++) {
        uint64_t bits = word((uint64_t)indices[n], first, second);
        REAL v = values[n] * scale, turned[2] = {v, -v};
        REAL *parts[2] = {re, im};
#pragma GCC unroll 4
        for (int j = 0; j < spread; j++, bits >>= 16) {
            uint64_t slot = (uint64_t)j * block + ((bits >> 2) & (block - 1));
            parts[real ? 0 : bits & 1][slot * (uint64_t)LANES] += turned[(bits >> 1) & 1];
        }
    }
}

/* A sparse leaf: `size` slots of every row of the group, less `along` times the shift, transformed. */
INLINE void NAME(leaf)(Input in, Py_ssize_t row, Py_ssize_t valid, const int64_t *key, int spread, Py_ssize_t size,
                       const REAL *shift, int real, VEC *out_re, VEC *out_im)
{
    uint64_t block = (uint64_t)(size / spread);
    REAL scale = spread == 1 ? 1 : spread == 2 ? (REAL)0.70710678118654752440 : (REAL)0.5;
    VEC along = {0};
    memset(out_re, 0, (size_t)size * sizeof(VEC));
    if (!real)
        memset(out_im, 0, (size_t)size * sizeof(VEC));
    for (Py_ssize_t l = 0; l < valid; l++) {
        const int64_t *start = in.starts + row + l;
        const REAL *values = (const REAL *)in.values + start[0];
        const int64_t *indices = in.indices + start[0];
        REAL *re = (REAL *)out_re + l, *im = (REAL *)out_im + l;
        Py_ssize_t count = start[1] - start[0];
        uint64_t k0 = (uint64_t)key[0], k1 = (uint64_t)key[1];
        if (spread == 4 && real)
            NAME(scatter)(values, indices, count, k0, k1, 4, block, 1, scale, re, im);
        else if (spread == 4)
            NAME(scatter)(values, indices, count, k0, k1, 4, block, 0, scale, re, im);
        else
            NAME(scatter)(values, indices, count, k0, k1, spread, block, real, scale, re, im);
        along[l] = ((const REAL *)in.along)[row + l];
    }
    if (shift)
        for (Py_ssize_t i = 0; i < size; i++) {
            out_re[i] -= along * shift[i];
            if (!real)
                out_im[i] -= along * shift[size + i];
        }
    NAME(transform)(out_re, size, size);
    if (!real)
        NAME(transform)(out_im, size, size);
}

/* Write `count` vectors, scaled, as columns of the output rows of this group. */
INLINE void NAME(write)(const VEC *x, Py_ssize_t count, REAL scale, Output out, Py_ssize_t column, Py_ssize_t valid)
{
    char *base = out.data + column * out.column_step;
    for (Py_ssize_t c = 0; c < count; c += LANES) {
        Py_ssize_t width = count - c < LANES ? count - c : LANES;
        REAL tile[VECTOR_BYTES / sizeof(REAL)][VECTOR_BYTES / sizeof(REAL)];
        for (Py_ssize_t j = 0; j < width; j++) {
            VEC v = x[c + j] * scale;
            for (Py_ssize_t l = 0; l < LANES; l++)
                tile[l][j] = v[l];
        }
        for (Py_ssize_t l = 0; l < valid; l++) {
            char *row = base + l * out.row_step + c * out.column_step;
            if (out.column_step == (Py_ssize_t)sizeof(REAL))
                memcpy(row, tile[l], (size_t)width * sizeof(REAL));
            else
                for (Py_ssize_t j = 0; j < width; j++)
                    *(REAL *)(row + j * out.column_step) = tile[l][j];
        }
    }
}

/* The program: n_ops, then records (see dualact/sketch/native.py). Offsets count vectors of the scratch space. */
CLONES static void NAME(run)(const int64_t *program, const int32_t *tables, const REAL *weights, Input in,
                             Py_ssize_t n_rows, Py_ssize_t d, VEC *scratch, const Output *outs)
{
    for (Py_ssize_t first = 0; first < n_rows; first += LANES) {
        const int64_t *p = program;
        Py_ssize_t valid = n_rows - first < LANES ? n_rows - first : LANES;
        VEC *x = scratch + p[1], *f_re = scratch + p[2], *f_im = scratch + p[3], *g_re = scratch + p[4],
            *g_im = scratch + p[5];
        int64_t n_ops = p[0];
        p += 6;
        for (Py_ssize_t i = 0; i <= d; i++) {
            VEC v = {0};
            if (i < d)
                for (Py_ssize_t l = 0; l < valid; l++)
                    v[l] = ((const REAL *)in.rows)[(first + l) * d + i];
            x[i] = v;
        }
        for (int64_t op = 0; op < n_ops; op++) {
            if (p[0] == 0) { /* monomials: below, target, weights, then d prefix widths */
                const VEC *below = scratch + p[1];
                VEC *target = scratch + p[2];
                const REAL *w = weights + p[3];
                p += 4;
                for (Py_ssize_t i = 0; i < d; i++)
                    for (Py_ssize_t j = 0; j < p[i]; j++)
                        *target++ = below[j] * *w++ * x[i];
                *target = (VEC){0};
                p += d;
                continue;
            }
            if (p[0] == 2) { /* exact: source, count, columns, output */
                Output out = outs[p[4]];
                out.data += first * out.row_step;
                NAME(write)(scratch + p[1], p[2], 1, out, 0, valid);
                for (Py_ssize_t l = 0; l < valid; l++)
                    for (Py_ssize_t c = p[2]; c < p[3]; c++)
                        *(REAL *)(out.data + l * out.row_step + c * out.column_step) = 0;
                p += 5;
                continue;
            }
            /* node: 1, factors, segments, real, target re, target im, output, columns, rows, scale */
            int64_t n_factors = p[1], n_segments = p[2], real = p[3], output = p[6], columns = p[7], n = p[8];
            VEC *t_re = scratch + p[4], *t_im = scratch + p[5];
            REAL scale = weights[p[9]];
            Py_ssize_t row = 0;
            p += 10;
            for (int64_t g = 0; g < n_segments; g++) {
                Py_ssize_t size = p[0], used = p[1];
                p += 2;
                for (int64_t f = 0; f < n_factors; f++, p += 5) { /* block, layers, table, source re, source im */
                    if (p[1] == 0) { /* sparse leaf: spread, 0, shift, key */
                        NAME(leaf)(in, first, valid, p + 3, (int)p[0], size, p[2] ? weights + p[2] : NULL, real != 0,
                                   f ? g_re : f_re, f ? g_im : f_im);
                    } else {
                        const VEC *re = scratch + p[3], *im = p[4] < 0 ? NULL : scratch + p[4];
                        NAME(srht)(tables + p[2], p[1], size, p[0], re, im, real != 0, f ? g_re : f_re,
                                   f ? g_im : f_im);
                    }
                    if (f && real)
                        for (Py_ssize_t i = 0; i < used; i++)
                            f_re[i] *= g_re[i];
                    else if (f)
                        for (Py_ssize_t i = 0; i < used; i++) {
                            VEC a = f_re[i], b = f_im[i], c = g_re[i], e = g_im[i];
                            f_re[i] = a * c - b * e;
                            f_im[i] = a * e + b * c;
                        }
                }
                if (output < 0) {
                    for (Py_ssize_t i = 0; i < used; i++)
                        t_re[row + i] = f_re[i] * scale;
                    if (!real)
                        for (Py_ssize_t i = 0; i < used; i++)
                            t_im[row + i] = f_im[i] * scale;
                } else {
                    Output out = outs[output];
                    out.data += first * out.row_step;
                    NAME(write)(f_re, used, scale, out, row, valid);
                    if (!real) {
                        Py_ssize_t left = columns - n - row;
                        NAME(write)(f_im, used < left ? used : left, scale, out, n + row, valid);
                    }
                }
                row += used;
            }
            if (output < 0) {
                t_re[row] = (VEC){0};
                if (!real)
                    t_im[row] = (VEC){0};
            }
        }
    }
}

#undef LANES
#undef VEC
#endif
