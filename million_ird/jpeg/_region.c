/* Decode a rectangle of a JPEG with libjpeg-turbo: only its columns, and no row below it.

   Optional: built where a compiler and libjpeg-turbo's header are found (see pyproject.toml); region.py does without
   it. Strict: what libjpeg merely warns of is an error here, too (which also ends files of endlessly many scans). */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <jpeglib.h>

#ifndef LIBJPEG_TURBO_VERSION_NUMBER
#error "jpeg_crop_scanline and jpeg_skip_scanlines are libjpeg-turbo's"
#endif

#define MARGIN 8 /* columns; upsampling smoothly looks at neighbours, a chroma sample covers up to 4 pixels */

typedef struct {
    struct jpeg_error_mgr manager; /* first, so that libjpeg's pointer to it is a pointer to us */
    jmp_buf escape;
    char text[JMSG_LENGTH_MAX];
} Failure;

typedef struct {
    unsigned int image_width, image_height, x, y, width, height;
} Region;

static void fail(j_common_ptr common)
{
    Failure *failure = (Failure *)common->err;
    common->err->format_message(common, failure->text);
    longjmp(failure->escape, 1);
}

static void fail_with(Failure *failure, const char *text)
{
    snprintf(failure->text, sizeof failure->text, "%s", text);
    longjmp(failure->escape, 1);
}

static void refuse_warnings(j_common_ptr common, int level)
{
    if (level < 0)
        fail(common);
}

/* A decoder invents what missing scans would have brought, from blocks around it: at the border of a region it sees
   others than in the whole picture. */
static void refuse_missing_scans(const struct jpeg_decompress_struct *info, Failure *failure)
{
    for (int component = 0; info->coef_bits && component < info->num_components; component++)
        for (int k = 0; k < DCTSIZE2; k++)
            if (info->coef_bits[component][k])
                fail_with(failure, "scans are missing");
}

/* RGB rows of the region into `out`; 0, or -1 with the reason in failure->text. Runs without the interpreter's lock. */
static int decode(const unsigned char *data, size_t size, const Region *region, unsigned char *out, Failure *failure)
{
    struct jpeg_decompress_struct info;

    memset(&info, 0, sizeof info);
    info.err = jpeg_std_error(&failure->manager);
    failure->manager.error_exit = fail;
    failure->manager.emit_message = refuse_warnings;
    if (setjmp(failure->escape)) {
        jpeg_destroy_decompress(&info);
        return -1;
    }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, (unsigned char *)data, (unsigned long)size);
    jpeg_read_header(&info, TRUE);
    if (info.image_width != region->image_width || info.image_height != region->image_height)
        fail_with(failure, "the file has another size than its row says");
    info.out_color_space = JCS_RGB;
    jpeg_start_decompress(&info);
    refuse_missing_scans(&info, failure);

    JDIMENSION first = region->x > MARGIN ? region->x - MARGIN : 0;
    JDIMENSION end = region->x + region->width;
    JDIMENSION columns = (info.output_width - end > MARGIN ? end + MARGIN : info.output_width) - first;
    jpeg_crop_scanline(&info, &first, &columns); /* moves `first` to the left, to the border of an MCU */
    JSAMPARRAY row = info.mem->alloc_sarray((j_common_ptr)&info, JPOOL_IMAGE, columns * 3, 1);
    if (region->y && jpeg_skip_scanlines(&info, region->y) != region->y)
        fail_with(failure, "rows are missing");
    for (unsigned int i = 0; i < region->height; i++) {
        if (jpeg_read_scanlines(&info, row, 1) != 1)
            fail_with(failure, "rows are missing");
        memcpy(out + (size_t)i * region->width * 3, row[0] + (region->x - first) * 3, region->width * 3);
    }
    jpeg_destroy_decompress(&info);
    return 0;
}

static PyObject *decode_region(PyObject *module, PyObject *arguments)
{
    Py_buffer data, out;
    Region region;
    Failure failure;
    int result;

    (void)module;
    if (!PyArg_ParseTuple(arguments, "y*w*IIIIII", &data, &out, &region.image_width, &region.image_height, &region.x,
                          &region.y, &region.width, &region.height))
        return NULL;
    unsigned long long right = (unsigned long long)region.x + region.width;
    unsigned long long bottom = (unsigned long long)region.y + region.height;
    if (!region.width || !region.height || right > region.image_width || bottom > region.image_height ||
        (unsigned long long)out.len != 3ULL * region.width * region.height) {
        PyErr_SetString(PyExc_ValueError, "the region does not lie in the picture, or the buffer does not fit it");
        result = -1;
    } else {
        Py_BEGIN_ALLOW_THREADS
        result = decode(data.buf, (size_t)data.len, &region, out.buf, &failure);
        Py_END_ALLOW_THREADS
        if (result)
            PyErr_SetString(PyExc_ValueError, failure.text);
    }
    PyBuffer_Release(&data);
    PyBuffer_Release(&out);
    if (result)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *version(PyObject *module, PyObject *arguments)
{
    (void)module;
    (void)arguments;
    return PyUnicode_FromFormat("%d.%d.%d", LIBJPEG_TURBO_VERSION_NUMBER / 1000000,
                                LIBJPEG_TURBO_VERSION_NUMBER / 1000 % 1000, LIBJPEG_TURBO_VERSION_NUMBER % 1000);
}

static PyMethodDef methods[] = {
    {"decode_region", decode_region, METH_VARARGS,
     "decode_region(data, out, image_width, image_height, x, y, width, height): RGB rows of the region into out."},
    {"version", version, METH_NOARGS, "The libjpeg-turbo this was built with."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_region", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__region(void)
{
    return PyModule_Create(&definition);
}
