/* livescan_reader.h: how a vendor's shared library becomes a reader of the booking station. Interface version 1.
 *
 * SPDX-License-Identifier: Apache-2.0
 *
 * The library exports ONE function, livescan_reader(). Everything else is reached through the table it fills in.
 * docs/readers/vendor-sdk.md explains it; example_reader.c beside this file is a complete library.
 *
 * Rules of the interface
 *  1. Polled. The station calls, the library answers at once; it never calls back, and never blocks for a finger. A
 *     call returns within LSR_CALL_MS (open: LSR_OPEN_MS). A library that does not is given up, and the process that
 *     loaded it ends (it is restarted; nothing is lost but that capture).
 *  2. One thread. All calls to one library come from one thread of the station, the same from load to unload. The
 *     library may have threads of its own.
 *  3. Memory is the caller's. The library writes into what it is given, never beyond the size it is told, and keeps no
 *     pointer to it after the call. It hands out no pointer but the lsr_unit, which only it reads.
 *  4. Sizes. Every struct begins with `size`, set by the caller to sizeof of what IT knows. The library reads and writes
 *     no further than that. New fields are only ever added at the end; what is not filled in stays zero.
 *  5. Text is UTF-8, ends with a zero byte, and fits its array.
 *  6. A non-negative answer is success; a negative one is an LSR_E_ code, and then last_error() may say more.
 *  7. Integers are fixed width, in the machine's byte order and natural alignment.
 */
#ifndef LIVESCAN_READER_H
#define LIVESCAN_READER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LSR_VERSION 1u
#define LSR_CALL_MS 1000u   /* longest duration of any call but open */
#define LSR_OPEN_MS 15000u  /* of open: firmware upload, warm-up */

/* answers */
#define LSR_OK 0
#define LSR_E_ARGUMENT (-1)    /* the station made a mistake */
#define LSR_E_VERSION (-2)     /* interface version not known to this library */
#define LSR_E_NOT_FOUND (-3)   /* no such unit is attached */
#define LSR_E_PERMISSION (-4)  /* the unit may not be opened by this user */
#define LSR_E_BUSY (-5)        /* another program holds it */
#define LSR_E_GONE (-6)        /* it was there and is not any more */
#define LSR_E_IO (-7)          /* the bus reported errors */
#define LSR_E_TIMEOUT (-8)     /* the unit does not answer */
#define LSR_E_STATE (-9)       /* not possible now */
#define LSR_E_LICENCE (-10)    /* the vendor's licence is missing or has run out */
#define LSR_E_UNSUPPORTED (-11) /* this unit cannot do that */
#define LSR_E_DEVICE (-12)     /* anything else that is wrong with the unit: say what in last_error */

/* kinds of contact, bits */
#define LSR_ROLL 1u
#define LSR_PLAIN 2u
#define LSR_SLAP 4u

/* phases of a capture, lsr_status.phase */
#define LSR_IDLE 0u      /* no capture is running */
#define LSR_AWAIT 1u     /* waiting for a finger */
#define LSR_CAPTURE 2u   /* a finger is there, previews come */
#define LSR_DONE 3u      /* the final image can be fetched; the finger may still lie there */
#define LSR_RETRY 4u     /* the person must try again: lifted too soon, moved, slipped; see lsr_status.reason */

/* reasons for LSR_RETRY */
#define LSR_LIFTED_EARLY 1u
#define LSR_MOVED 2u
#define LSR_BAD_ROLL 3u  /* too fast, slipped, not rolled far enough */
#define LSR_DIRTY 4u     /* clean the platen */

/* images, argument `which` of frame() */
#define LSR_PREVIEW 0u
#define LSR_FINAL 1u

typedef struct lsr_unit lsr_unit; /* whatever the library wants it to be */

typedef struct lsr_info {
    uint32_t size;
    uint32_t kinds;       /* LSR_ROLL | LSR_PLAIN | LSR_SLAP */
    uint32_t ppi;         /* of final images, both axes, as calibrated: 500 or 1000 */
    uint32_t preview_ppi; /* of previews; 0: there are none */
    uint32_t max_width;   /* pixels of the largest image of any kind */
    uint32_t max_height;
    uint32_t fap;         /* capture device profile 10 to 60, 0: none claimed */
    uint32_t simulated;   /* 1: no real sensor behind it, and its serial begins with SIM */
    char make[64];
    char model[64];
    char serial[64];
    char firmware[64];    /* of the unit and, after a slash, of this library: both belong to a certificate */
} lsr_info;

typedef struct lsr_request {
    uint32_t size;
    uint32_t kind;        /* one of LSR_ROLL, LSR_PLAIN, LSR_SLAP */
    uint32_t lamps;       /* bit k: light lamp k; right thumb 1 ... left little finger 10 */
    uint32_t fingers;     /* how many fingers are expected; 0: not told */
} lsr_request;

typedef struct lsr_status {
    uint32_t size;
    uint32_t phase;
    uint32_t present;     /* 1: something lies on the platen */
    uint32_t preview;     /* number of the newest preview, from 1; 0: none yet */
    uint32_t reason;      /* why, in phase LSR_RETRY */
} lsr_status;

typedef struct lsr_frame {
    uint32_t size;
    uint32_t width;       /* pixels */
    uint32_t height;
    uint32_t ppi;
    uint32_t number;      /* of a preview, as in lsr_status */
} lsr_frame;

typedef struct lsr_api {
    uint32_t size;
    uint32_t version;     /* set by the library: LSR_VERSION it was written for */

    /* Take unit `index` (0 is the first). config: text from the station's settings, "" if there is none. */
    int32_t (*open)(uint32_t index, const char *config, lsr_unit **unit);
    /* Who it is. Only asked between open and close. */
    int32_t (*info)(lsr_unit *unit, lsr_info *info);
    /* Begin a capture and light the lamps. LSR_E_STATE when one is running. */
    int32_t (*start)(lsr_unit *unit, const lsr_request *request);
    /* Where the capture is. Called some twenty times a second. */
    int32_t (*poll)(lsr_unit *unit, lsr_status *status);
    /* Copy the newest preview or the final image: width x height bytes, row by row without padding, 0 black ridges to
     * 255 white ground, upright. capacity: bytes at `pixels`; LSR_E_ARGUMENT when they are too few. */
    int32_t (*frame)(lsr_unit *unit, uint32_t which, uint8_t *pixels, uint64_t capacity, lsr_frame *frame);
    /* End the capture, whatever its phase, and put the lamps out. Success when none is running. */
    int32_t (*cancel)(lsr_unit *unit);
    /* Give the unit back. `unit` is not used again, whatever the answer. */
    int32_t (*close)(lsr_unit *unit);
    /* What went wrong, for the log; unit is NULL after a failed open. */
    int32_t (*last_error)(lsr_unit *unit, char *text, uint32_t capacity);
} lsr_api;

#if defined(_WIN32)
#define LSR_EXPORT __declspec(dllexport)
#else
#define LSR_EXPORT __attribute__((visibility("default")))
#endif

/* Fill in `api` (its `size` is set) for interface `version`. LSR_E_VERSION for one that is not known. */
LSR_EXPORT int32_t livescan_reader(uint32_t version, lsr_api *api);

#ifdef __cplusplus
}
#endif
#endif
