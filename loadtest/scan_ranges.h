/* What is done to the pictures of make bench-scan. In each class the factors that it names grow
 * evenly from the first picture to the last; the others lie anywhere within their base range. */
#ifndef LOADTEST_SCAN_RANGES_H
#define LOADTEST_SCAN_RANGES_H

#include <stdbool.h>

/* Name, unit, base range. */
#define FACTORS(F)                                                                                 \
    F(module, "pixels a module in the picture's middle", 4.5, 6.5)                                 \
    F(rotation, "degrees, either way", 0, 6)                                                       \
    F(tilt, "degrees between the card and the sensor, about any axis", 0, 6)                       \
    F(wave, "modules that the card bends aside, a wave as long as the card or longer", 0, 0)       \
    F(blur, "modules, standard deviation of a Gaussian", 0.05, 0.1)                                \
    F(motion, "modules of a straight smear", 0, 0)                                                 \
    F(noise, "grey levels, standard deviation of a Gaussian", 1, 3)                                \
    F(salt, "share of pixels that are black or white", 0, 0)                                       \
    F(contrast, "of the range from black to white", 0.8, 1)                                        \
    F(uneven, "of the light that is lost across the card, with the edge of a shadow", 0, 0.2)      \
    F(glare, "light added at the middle of a spot, 1 is white on black", 0, 0)                     \
    F(spot, "radius of the spot, of the symbol's side", 0.1, 0.35)                                 \
    F(moire, "depth of the screen's grid, of the light", 0, 0)                                     \
    F(pitch, "picture pixels between two lines of the grid", 1.3, 3.4)                             \
    F(cover, "of the symbol's area, hidden by a sticker or finger, finders left free", 0, 0)       \
    F(room, "heights of the card that the picture has", 1.02, 1.3)                                 \
    F(jpeg, "100 less the JPEG quality, 0 is PNG", 0, 0)

enum factor {
#define F(name, unit, low, high) FACTOR_##name,
    FACTORS(F)
#undef F
        FACTOR_COUNT
};
static const char *const factor_names[] = {
#define F(name, unit, low, high) #name,
    FACTORS(F)
#undef F
};
static const char *const factor_units[] = {
#define F(name, unit, low, high) unit,
    FACTORS(F)
#undef F
};
static const double factor_base[][2] = {
#define F(name, unit, low, high) {low, high},
    FACTORS(F)
#undef F
};

/* From the first picture of the class to the last; {0, 0} stands for the base range. */
static const struct class
{
    const char *name;
    bool inverted;
    double ranges[FACTOR_COUNT][2];
} classes[] = {
    {"clean", false, {{0}}},
    {"large", false, {[FACTOR_module] = {7, 13}}},
    {"small", false, {[FACTOR_module] = {4, 1.5}}},
    {"far", false, {[FACTOR_module] = {4, 2.2}, [FACTOR_room] = {1.5, 4}}},
    {"rotation", false, {[FACTOR_rotation] = {0, 180}}},
    {"tilt", false, {[FACTOR_tilt] = {10, 60}}},
    {"wavy", false, {[FACTOR_wave] = {0.2, 2.5}}},
    {"blur", false, {[FACTOR_blur] = {0.2, 1}}},
    {"motion", false, {[FACTOR_motion] = {0.3, 2.4}}},
    {"noise", false, {[FACTOR_noise] = {8, 90}}},
    {"salt", false, {[FACTOR_salt] = {0.01, 0.35}}},
    {"contrast", false, {[FACTOR_contrast] = {0.4, 0.03}}},
    {"uneven", false, {[FACTOR_uneven] = {0.4, 0.97}}},
    {"glare", false, {[FACTOR_glare] = {0.3, 2}}},
    {"moire", false, {[FACTOR_moire] = {0.15, 1}}},
    {"cover", false, {[FACTOR_cover] = {0.01, 0.13}}},
    {"jpeg", false, {[FACTOR_jpeg] = {40, 97}}},
    {"inverted", true, {[FACTOR_blur] = {0.05, 0.4}, [FACTOR_noise] = {1, 20}}},
    {"street",
     false,
     {[FACTOR_module] = {6, 2.5},
      [FACTOR_rotation] = {0, 40},
      [FACTOR_tilt] = {5, 35},
      [FACTOR_wave] = {0, 0.8},
      [FACTOR_blur] = {0.1, 0.5},
      [FACTOR_motion] = {0, 0.8},
      [FACTOR_noise] = {3, 20},
      [FACTOR_contrast] = {0.8, 0.3},
      [FACTOR_uneven] = {0.1, 0.6},
      [FACTOR_jpeg] = {10, 60}}},
    {"screen",
     false,
     {[FACTOR_module] = {6, 3},
      [FACTOR_rotation] = {0, 20},
      [FACTOR_tilt] = {5, 30},
      [FACTOR_moire] = {0.1, 0.6},
      [FACTOR_glare] = {0, 0.8},
      [FACTOR_blur] = {0.1, 0.4},
      [FACTOR_noise] = {2, 14},
      [FACTOR_contrast] = {0.9, 0.4},
      [FACTOR_jpeg] = {10, 50}}},
};
#define CLASS_COUNT (sizeof classes / sizeof *classes)

#endif
