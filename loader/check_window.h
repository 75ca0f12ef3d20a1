/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "espalier check-window": what a peer's replay window allows. Returns the exit status. */
#ifndef LOADER_CHECK_WINDOW_H
#define LOADER_CHECK_WINDOW_H

int esl_check_window_main(int argc, char **argv);

#endif
