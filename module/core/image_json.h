/*
 * How JSON from outside is read: bounded in its bytes by the caller, in its
 * depth by jansson, and here in its number of values, since a few megabytes
 * of "{}," would take a hundred times as much memory, and a worker's time.
 */

#ifndef IMAGE_JSON_H
#define IMAGE_JSON_H


#include <jansson.h>

#include "image_str.h"


#define IMAGE_JSON_VALUES  (32 * 1024)


/*
 * Returns a new reference to an object, or NULL where the text is no JSON
 * object, or holds too many values.  flags are those of json_loadb().
 */
json_t *image_json_parse(const u_char *text, size_t len, size_t flags);

/* the same, with a bound other than IMAGE_JSON_VALUES: for long lists */
json_t *image_json_parse_max(const u_char *text, size_t len, size_t flags,
    size_t values);

/* json_decref() for what holds secrets: overwrites all strings before */
void image_json_wipe(json_t *json);


#endif /* IMAGE_JSON_H */
