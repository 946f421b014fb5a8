/*
 * For the fuzz targets: a broken invariant ends the run.  Not assert(),
 * which NDEBUG takes away.
 */

#ifndef FUZZ_H
#define FUZZ_H


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image_str.h"


#define invariant(condition)                                                 \
    do {                                                                     \
        if (!(condition)) {                                                  \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__,       \
                    #condition);                                             \
            abort();                                                         \
        }                                                                    \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#endif /* FUZZ_H */
