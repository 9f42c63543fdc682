#include "firmware-bridge/frame/frame.h"

#include <string.h>

enum { LONGEST_BLOCK = 254 };

/* A table of 16 entries: a compromise between the board's flash and its time. */
static const uint32_t kCrcOfNibble[16] = {0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u, 0x417B1DBCu, 0x5125DAD3u,
                                          0x61C69362u, 0x7198540Du, 0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u,
                                          0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u};

uint32_t frame_crc32c(const uint8_t* bytes, size_t size) {
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < size; ++i) {
        crc ^= bytes[i];
        crc = (crc >> 4) ^ kCrcOfNibble[crc & 15u];
        crc = (crc >> 4) ^ kCrcOfNibble[crc & 15u];
    }
    return ~crc;
}

static void store_u32(uint8_t* out, uint32_t value) {
    for (int i = 0; i < FRAME_CHECKSUM_BYTES; ++i) out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t load_u32(const uint8_t* in) {
    uint32_t value = 0;
    for (int i = 0; i < FRAME_CHECKSUM_BYTES; ++i) value |= (uint32_t)in[i] << (8 * i);
    return value;
}

/* The block being written: its length byte, and the end of what stands so far. */
typedef struct {
    uint8_t* length_at;
    uint8_t* end;
} cobs_writer;

static void cobs_begin_block(cobs_writer* writer) {
    writer->length_at = writer->end++;
    *writer->length_at = 1;
}

static void cobs_put(cobs_writer* writer, const uint8_t* bytes, size_t size) {
    for (size_t i = 0; i < size; ++i) {
        /* A full block stands for no 00, so the next one begins only when a byte is there for it. */
        if (*writer->length_at == LONGEST_BLOCK + 1) cobs_begin_block(writer);
        if (bytes[i] == 0) {
            cobs_begin_block(writer);
        } else {
            *writer->end++ = bytes[i];
            ++*writer->length_at;
        }
    }
}

size_t frame_encode(const uint8_t* payload, size_t size, uint8_t* out) {
    if (size == 0 || size > FRAME_MAX_PAYLOAD) return 0;
    uint8_t checksum[FRAME_CHECKSUM_BYTES];
    store_u32(checksum, frame_crc32c(payload, size));
    out[0] = 0;
    cobs_writer writer = {NULL, out + 1};
    cobs_begin_block(&writer);
    cobs_put(&writer, payload, size);
    cobs_put(&writer, checksum, sizeof checksum);
    *writer.end++ = 0;
    return (size_t)(writer.end - out);
}

static void begin_frame(frame_decoder* decoder) {
    decoder->used = 0;
    decoder->block_left = 0;
    decoder->zero_pending = false;
    decoder->broken = false;
}

void frame_decoder_init(frame_decoder* decoder) { memset(decoder, 0, sizeof *decoder); }

static void keep(frame_decoder* decoder, uint8_t byte) {
    if (decoder->used == sizeof decoder->bytes)
        decoder->broken = true;
    else
        decoder->bytes[decoder->used++] = byte;
}

/* At a border: whether what was gathered is a whole frame with a right checksum. */
static bool is_whole(const frame_decoder* decoder) {
    if (decoder->broken || decoder->block_left != 0 || decoder->used <= FRAME_CHECKSUM_BYTES) return false;
    const size_t size = decoder->used - FRAME_CHECKSUM_BYTES;
    return load_u32(decoder->bytes + size) == frame_crc32c(decoder->bytes, size);
}

static bool end_frame(frame_decoder* decoder) {
    const bool nothing_came =
        decoder->used == 0 && decoder->block_left == 0 && !decoder->zero_pending && !decoder->broken;
    const bool whole = is_whole(decoder);
    decoder->size = whole ? decoder->used - FRAME_CHECKSUM_BYTES : 0;
    if (whole)
        ++decoder->good;
    else if (!nothing_came)
        ++decoder->damaged;
    begin_frame(decoder);
    return whole;
}

bool frame_decode(frame_decoder* decoder, uint8_t byte) {
    if (byte == 0) return end_frame(decoder);
    if (decoder->broken) return false;
    if (decoder->block_left > 0) {
        --decoder->block_left;
        keep(decoder, byte);
        return false;
    }
    if (decoder->zero_pending) keep(decoder, 0);
    decoder->zero_pending = byte != LONGEST_BLOCK + 1;
    decoder->block_left = (uint8_t)(byte - 1);
    return false;
}
