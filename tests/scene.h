/* scene.h: what a script records, and which of it is compared. */
#ifndef RETROGRAD_TESTS_SCENE_H
#define RETROGRAD_TESTS_SCENE_H

#include "tensors.h"

enum { MOST = 24 };

typedef struct {
    rg_tape *tape;
    rg_tensor x, y;            /* what it starts from */
    rg_tensor out[MOST];       /* what is compared */
    int count;
} scene;

static void show(scene *s, rg_tensor t)
{
    assert_true(s->count < MOST);
    s->out[s->count++] = t;
}

#endif
