#include "qr/judge.h"

static float mean_around(const struct samples *s, int reach, const float *columns, int x, int rows)
{
    int side = (int)s->side, left = x > reach ? x - reach : 0;
    int right = x + reach < side ? x + reach : side - 1;
    float sum = 0;
    for (int i = left; i <= right; i++)
        sum += columns[i];
    return sum / (float)(rows * (right - left + 1));
}

void judge_modules(const struct samples *samples, int reach, float sharpen, float *darkness)
{
    float columns[SYMBOL_SIDE_MAX + 2 * GRID_BORDER];
    int row = (int)samples->side, side = row - 2 * GRID_BORDER;
    for (int y = GRID_BORDER; y < side + GRID_BORDER; y++) {
        int top = y > reach ? y - reach : 0, bottom = y + reach < row ? y + reach : row - 1;
        for (int x = 0; x < row; x++) {
            columns[x] = 0;
            for (int i = top; i <= bottom; i++)
                columns[x] += samples->light[i * row + x];
        }
        for (int x = GRID_BORDER; x < side + GRID_BORDER; x++) {
            const float *at = &samples->light[y * row + x];
            float mean = mean_around(samples, reach, columns, x, bottom - top + 1);
            float neighbours = (at[-1] + at[1] + at[-row] + at[row]) / 4;
            darkness[(y - GRID_BORDER) * side + x - GRID_BORDER] =
                mean - at[0] + sharpen * (neighbours - mean);
        }
    }
}
