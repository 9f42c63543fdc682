#pragma once

/* Frames on a serial line, in portable C11 without heap: the board's firmware and the host compile this same
 * file.
 *
 *   frame   = 00  COBS(payload, checksum)  00
 *   checksum = CRC-32C of the payload, four bytes, least significant first
 *
 * COBS (Cheshire and Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2),
 * 1999) leaves no 00 inside a frame, so that 00 always is a border and a reader that joins in the middle, or
 * has met garbage, is in step again at the next one. The border before the frame closes whatever noise came
 * before it.
 *
 * CRC-32C: polynomial 1EDC6F41, reflected, start and final inversion FFFFFFFF; check value of "123456789" is
 * E3069283 (RFC 3720, B.4). It finds every error of up to three bits in a payload of this size (Koopman, DSN
 * 2002).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FRAME_MAX_PAYLOAD = 1000,
    FRAME_CHECKSUM_BYTES = 4,
    /* COBS adds one byte, and one more for each whole run of 254; then the two borders. */
    FRAME_MAX_ENCODED =
        FRAME_MAX_PAYLOAD + FRAME_CHECKSUM_BYTES + (FRAME_MAX_PAYLOAD + FRAME_CHECKSUM_BYTES) / 254 + 1 + 2
};

uint32_t frame_crc32c(const uint8_t* bytes, size_t size);

/* Writes the whole frame of `payload` to `out`, which has room for FRAME_MAX_ENCODED bytes. Returns its size,
 * or 0 when the payload is empty or longer than FRAME_MAX_PAYLOAD. */
size_t frame_encode(const uint8_t* payload, size_t size, uint8_t* out);

/* Cuts a byte stream into payloads. All its memory is in the struct. */
typedef struct {
    uint8_t bytes[FRAME_MAX_PAYLOAD + FRAME_CHECKSUM_BYTES];
    size_t used;        /* decoded bytes of the present frame */
    uint8_t block_left; /* data bytes left in the present COBS block */
    bool zero_pending;  /* the present block ended with a 00 unless the frame ends here */
    bool broken;        /* the present frame can't become a good one: wait for its border */
    size_t size;        /* of the payload in `bytes`, valid right after frame_decode returned true */
    uint32_t good;      /* frames delivered since init */
    uint32_t damaged;   /* frames dropped since init: cut, too long, or a wrong checksum */
} frame_decoder;

void frame_decoder_init(frame_decoder* decoder);

/* Takes one byte. True: a checked payload stands in decoder->bytes[0 .. decoder->size) until the next call.
 */
bool frame_decode(frame_decoder* decoder, uint8_t byte);

#ifdef __cplusplus
}
#endif
