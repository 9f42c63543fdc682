#include "firmware-bridge/firmware/pixels.h"

#include <string.h>

enum { COLOUR_CHARACTERS = 7 };

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* "#rrggbb" at `text`, whatever follows it. Stops at the first wrong character, so it never reads past a
 * final zero. */
static bool parse_colour(const char* text, uint8_t rgb[3]) {
    if (text[0] != '#') return false;
    for (int i = 0; i < 3; ++i) {
        const int high = hex_digit(text[1 + 2 * i]);
        if (high < 0) return false;
        const int low = hex_digit(text[2 + 2 * i]);
        if (low < 0) return false;
        rgb[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

static const char kColourExpected[] = "a colour is #rrggbb";

static bool apply_one(const char* text, uint8_t* rgb, size_t count, const char** problem) {
    size_t index = 0;
    int digits = 0;
    for (; *text >= '0' && *text <= '9' && digits < 4; ++text, ++digits) index = index * 10 + (size_t)(*text - '0');
    if (*text != ':' || index >= count) {
        *problem = *text == ':' ? "no such pixel" : "one pixel is N:#rrggbb";
        return false;
    }
    uint8_t colour[3];
    if (!parse_colour(text + 1, colour) || text[1 + COLOUR_CHARACTERS] != '\0') {
        *problem = kColourExpected;
        return false;
    }
    memcpy(rgb + 3 * index, colour, sizeof colour);
    return true;
}

/* Walks the comma-separated list; with `rgb` null it only checks. Returns how many there are, 0 for a
 * malformed one. */
static size_t walk_list(const char* text, uint8_t* rgb) {
    for (size_t n = 0;; ++n) {
        uint8_t colour[3];
        if (!parse_colour(text, colour)) return 0;
        if (rgb != NULL) memcpy(rgb + 3 * n, colour, sizeof colour);
        text += COLOUR_CHARACTERS;
        if (*text == '\0') return n + 1;
        if (*text++ != ',') return 0;
    }
}

bool pixels_apply(const char* text, uint8_t* rgb, size_t count, const char** problem) {
    if (*text >= '0' && *text <= '9') return apply_one(text, rgb, count, problem);
    const size_t given = walk_list(text, NULL);
    if (given == 0) {
        *problem = kColourExpected;
        return false;
    }
    if (given != 1 && given != count) {
        *problem = "give one colour, or one for each pixel";
        return false;
    }
    walk_list(text, rgb);
    for (size_t n = given; n < count; ++n) memcpy(rgb + 3 * n, rgb, 3);
    return true;
}

static char* put_colour(char* text, const uint8_t* rgb) {
    static const char kDigits[] = "0123456789abcdef";
    *text++ = '#';
    for (int i = 0; i < 3; ++i) {
        *text++ = kDigits[rgb[i] >> 4];
        *text++ = kDigits[rgb[i] & 15];
    }
    return text;
}

void pixels_format(const uint8_t* rgb, size_t count, char* text) {
    bool alike = true;
    for (size_t n = 1; n < count && alike; ++n) alike = memcmp(rgb, rgb + 3 * n, 3) == 0;
    const size_t shown = alike ? 1 : count;
    for (size_t n = 0; n < shown; ++n) {
        if (n > 0) *text++ = ',';
        text = put_colour(text, rgb + 3 * n);
    }
    *text = '\0';
}
