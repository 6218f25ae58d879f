/*
** interrupt.h: Ctrl-C and the like kept back until there is a good moment to stop. Pure.
** Signals belong to the whole process, and so does this.
*/
#ifndef CM_INTERRUPT_H
#define CM_INTERRUPT_H

void cm_interrupt_hold(void);
void cm_interrupt_release(void);
int cm_interrupt_pending(void);

#endif
