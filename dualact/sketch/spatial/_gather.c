/* Sums over patches (dualact/sketch/spatial/gather.py): concatenated heavy columns, signed sums of light ones.
 *
 * For each output position: count blocks of `rank` heavy columns, scaled, one for each place of the window, then
 * `width` light columns, the sum over places of weights[place] * light[position]. Places outside the input are
 * zeros. Sums go from the first place to the last, unfused: the bits of an input do not depend on the others.
 * The file includes itself twice, for float and double.
 */
#ifndef REAL

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <string.h>

#if !defined(__clang__) && defined(__GNUC__) && defined(__x86_64__) && defined(__GLIBC__)
#define CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CLONES
#endif

typedef struct {
    Py_ssize_t inputs, in_h, in_w, out_h, out_w, k_h, k_w, rank, width, out_columns;
} Shape;

#define REAL float
#define NAME(x) x##_f32
#include "_gather.c"
#undef REAL
#undef NAME
#define REAL double
#define NAME(x) x##_f64
#include "_gather.c"

/* gather(heavy, light, rows, columns, weights, scale, out, shape) */
static PyObject *gather(PyObject *self, PyObject *args)
{
    Py_buffer heavy, light, rows, columns, weights, out;
    double scale;
    Shape s;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*dw*(nnnnnnnnnn)", &heavy, &light, &rows, &columns, &weights, &scale, &out,
                          &s.inputs, &s.in_h, &s.in_w, &s.out_h, &s.out_w, &s.k_h, &s.k_w, &s.rank, &s.width,
                          &s.out_columns))
        return NULL;
    Py_ssize_t item = out.itemsize, in = s.inputs * s.in_h * s.in_w, count = s.k_h * s.k_w;
    int fits = (item == 4 || item == 8) && heavy.len >= in * s.rank * item && light.len >= in * s.width * item &&
               weights.len >= count * s.width * item && rows.len == s.out_h * s.k_h * 8 &&
               columns.len == s.out_w * s.k_w * 8 && count * s.rank + s.width <= s.out_columns &&
               out.len == s.inputs * s.out_h * s.out_w * s.out_columns * item;
    for (Py_ssize_t i = 0; fits && i < s.out_h * s.k_h; i++)
        fits = ((const int64_t *)rows.buf)[i] < s.in_h;
    for (Py_ssize_t i = 0; fits && i < s.out_w * s.k_w; i++)
        fits = ((const int64_t *)columns.buf)[i] < s.in_w;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
        if (item == 8)
            gather_f64(heavy.buf, light.buf, rows.buf, columns.buf, weights.buf, scale, out.buf, &s);
        else
            gather_f32(heavy.buf, light.buf, rows.buf, columns.buf, weights.buf, scale, out.buf, &s);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_SetString(PyExc_ValueError, "gather: the arrays do not have the sizes that the shape says");
    }
    PyBuffer_Release(&heavy);
    PyBuffer_Release(&light);
    PyBuffer_Release(&rows);
    PyBuffer_Release(&columns);
    PyBuffer_Release(&weights);
    PyBuffer_Release(&out);
    if (!fits)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"gather", gather, METH_VARARGS, "gather(heavy, light, rows, columns, weights, scale, out, shape): fill out."},
    {NULL, NULL, 0, NULL},
};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_gather", NULL, 0, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__gather(void) { return PyModuleDef_Init(&module); }

#else /* once for each REAL */

#define CHUNK 64 /* columns summed in registers */

CLONES static void NAME(gather)(const REAL *heavy, const REAL *light, const int64_t *rows, const int64_t *columns,
                                const REAL *weights, double scale, REAL *out, const Shape *s)
{
    const REAL factor = (REAL)scale;
    Py_ssize_t rank = s->rank, width = s->width;
    for (Py_ssize_t n = 0; n < s->inputs; n++)
        for (Py_ssize_t y = 0; y < s->out_h; y++)
            for (Py_ssize_t x = 0; x < s->out_w; x++, out += s->out_columns) {
                REAL *target = out;
                for (Py_ssize_t a = 0; rank && a < s->k_h; a++)
                    for (Py_ssize_t b = 0; b < s->k_w; b++, target += rank) {
                        int64_t i = rows[y * s->k_h + a], j = columns[x * s->k_w + b];
                        if (i < 0 || j < 0) {
                            memset(target, 0, (size_t)rank * sizeof(REAL));
                            continue;
                        }
                        const REAL *from = heavy + ((n * s->in_h + i) * s->in_w + j) * rank;
                        for (Py_ssize_t c = 0; c < rank; c++)
                            target[c] = from[c] * factor;
                    }
                for (Py_ssize_t first = 0; first < width; first += CHUNK) {
                    Py_ssize_t part = width - first < CHUNK ? width - first : CHUNK;
                    REAL sum[CHUNK] = {0};
                    const REAL *w = weights + first;
                    for (Py_ssize_t a = 0; a < s->k_h; a++)
                        for (Py_ssize_t b = 0; b < s->k_w; b++, w += width) {
                            int64_t i = rows[y * s->k_h + a], j = columns[x * s->k_w + b];
                            if (i < 0 || j < 0)
                                continue;
                            const REAL *from = light + ((n * s->in_h + i) * s->in_w + j) * width + first;
                            if (part == CHUNK)
                                for (int c = 0; c < CHUNK; c++)
                                    sum[c] += w[c] * from[c];
                            else
                                for (Py_ssize_t c = 0; c < part; c++)
                                    sum[c] += w[c] * from[c];
                        }
                    memcpy(target + first, sum, (size_t)part * sizeof(REAL));
                }
            }
}

#undef CHUNK
#endif
