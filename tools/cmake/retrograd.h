/* retrograd.h: all of Retrograd's public headers. */
#ifndef RETROGRAD_H
#define RETROGRAD_H

#include <retrograd/autograd.h>
#include <retrograd/nn.h>
#include <retrograd/optim.h>
#include <retrograd/data.h>
#include <retrograd/plot.h>

#endif
