/* example_reader.c: a complete library for livescan_reader.h, around a sensor that is simulated by files.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 *   cc -std=c11 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden -o example_reader.so example_reader.c
 *
 * The text of `config` is a folder. `plugged` in it: the unit is attached. `platen.pgm` in it (binary PGM, 8 bit): what
 * lies on the platen; no such file: nothing does. A capture is done at the second poll that sees a finger.
 */
#include "livescan_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDTH 400u
#define HEIGHT 500u
#define PPI 500u

struct lsr_unit {
    char folder[512];
    uint32_t phase;
    uint32_t previews;
    uint8_t image[WIDTH * HEIGHT];
};

static char last[256];

static int32_t wrong(int32_t code, const char *text)
{
    snprintf(last, sizeof last, "%s", text);
    return code;
}

static int path_of(const lsr_unit *unit, const char *name, char *path, size_t room)
{
    int written = snprintf(path, room, "%s/%s", unit->folder, name);
    return written > 0 && (size_t)written < room;
}

static int attached(const lsr_unit *unit)
{
    char path[600];
    return path_of(unit, "plugged", path, sizeof path) && access(path, F_OK) == 0;
}

/* 1: a picture lies there and was read, 0: nothing lies there. */
static int look(lsr_unit *unit)
{
    char path[600];
    unsigned width, height, white;
    if (!path_of(unit, "platen.pgm", path, sizeof path))
        return 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return 0;
    int fits = fscanf(file, "P5 %5u %5u %5u", &width, &height, &white) == 3 && width == WIDTH && height == HEIGHT &&
               white == 255 && fgetc(file) != EOF && fread(unit->image, 1, sizeof unit->image, file) == sizeof unit->image;
    fclose(file);
    return fits;
}

static int32_t open_unit(uint32_t index, const char *config, lsr_unit **out)
{
    if (!config || !out)
        return wrong(LSR_E_ARGUMENT, "a null pointer");
    *out = NULL;
    lsr_unit *unit = calloc(1, sizeof *unit);
    if (!unit)
        return wrong(LSR_E_DEVICE, "out of memory");
    if (index != 0 || strlen(config) >= sizeof unit->folder) {
        free(unit);
        return wrong(LSR_E_NOT_FOUND, "there is only unit 0");
    }
    strcpy(unit->folder, config);
    if (!attached(unit)) {
        free(unit);
        return wrong(LSR_E_NOT_FOUND, "no file `plugged` in the folder");
    }
    *out = unit;
    return LSR_OK;
}

static int32_t info(lsr_unit *unit, lsr_info *out)
{
    if (!unit || !out || out->size < sizeof *out)
        return wrong(LSR_E_ARGUMENT, "info: a null pointer, or a struct that is too small");
    out->kinds = LSR_PLAIN;
    out->ppi = PPI;
    out->preview_ppi = PPI;
    out->max_width = WIDTH;
    out->max_height = HEIGHT;
    out->fap = 0;
    out->simulated = 1;
    snprintf(out->make, sizeof out->make, "SIMULATED");
    snprintf(out->model, sizeof out->model, "Example sensor of files");
    snprintf(out->serial, sizeof out->serial, "SIM-EXAMPLE-1");
    snprintf(out->firmware, sizeof out->firmware, "1.0/1.0");
    return LSR_OK;
}

static int32_t start(lsr_unit *unit, const lsr_request *request)
{
    if (!unit || !request || request->size < sizeof *request)
        return wrong(LSR_E_ARGUMENT, "start: a null pointer, or a struct that is too small");
    if (request->kind != LSR_PLAIN)
        return wrong(LSR_E_UNSUPPORTED, "this sensor takes plain impressions only");
    if (unit->phase != LSR_IDLE)
        return wrong(LSR_E_STATE, "a capture is running");
    unit->phase = LSR_AWAIT;
    unit->previews = 0;
    return LSR_OK;
}

static int32_t poll_unit(lsr_unit *unit, lsr_status *out)
{
    if (!unit || !out || out->size < sizeof *out)
        return wrong(LSR_E_ARGUMENT, "poll: a null pointer, or a struct that is too small");
    if (!attached(unit))
        return wrong(LSR_E_GONE, "the file `plugged` is gone");
    char path[600];
    out->reason = 0;
    out->present = path_of(unit, "platen.pgm", path, sizeof path) && access(path, F_OK) == 0;
    if (unit->phase == LSR_CAPTURE && !out->present) {
        unit->phase = LSR_RETRY;
        out->reason = LSR_LIFTED_EARLY;
    } else if (unit->phase == LSR_AWAIT && look(unit)) {
        unit->phase = LSR_CAPTURE;
        unit->previews = 1;
    } else if (unit->phase == LSR_CAPTURE && look(unit)) {
        unit->phase = LSR_DONE;
    }
    out->phase = unit->phase;
    out->preview = unit->previews;
    return LSR_OK;
}

static int32_t frame(lsr_unit *unit, uint32_t which, uint8_t *pixels, uint64_t capacity, lsr_frame *out)
{
    if (!unit || !pixels || !out || out->size < sizeof *out || capacity < sizeof unit->image)
        return wrong(LSR_E_ARGUMENT, "frame: a null pointer, or too little room");
    if (!attached(unit))
        return wrong(LSR_E_GONE, "the file `plugged` is gone");
    if (which == LSR_FINAL ? unit->phase != LSR_DONE : unit->previews == 0)
        return wrong(LSR_E_STATE, "there is no such image now");
    memcpy(pixels, unit->image, sizeof unit->image);
    out->width = WIDTH;
    out->height = HEIGHT;
    out->ppi = PPI;
    out->number = unit->previews;
    return LSR_OK;
}

static int32_t cancel(lsr_unit *unit)
{
    if (!unit)
        return wrong(LSR_E_ARGUMENT, "a null pointer");
    unit->phase = LSR_IDLE;
    return attached(unit) ? LSR_OK : wrong(LSR_E_GONE, "the file `plugged` is gone");
}

static int32_t close_unit(lsr_unit *unit)
{
    free(unit);
    return LSR_OK;
}

static int32_t last_error(lsr_unit *unit, char *text, uint32_t capacity)
{
    (void)unit;
    if (!text || capacity == 0)
        return LSR_E_ARGUMENT;
    snprintf(text, capacity, "%s", last);
    return LSR_OK;
}

LSR_EXPORT int32_t livescan_reader(uint32_t version, lsr_api *api)
{
    if (version != LSR_VERSION)
        return LSR_E_VERSION;
    if (!api || api->size < sizeof *api)
        return LSR_E_ARGUMENT;
    api->version = LSR_VERSION;
    api->open = open_unit;
    api->info = info;
    api->start = start;
    api->poll = poll_unit;
    api->frame = frame;
    api->cancel = cancel;
    api->close = close_unit;
    api->last_error = last_error;
    return LSR_OK;
}
