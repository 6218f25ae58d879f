/*
** interrupt.h: holds Ctrl-C and SIGTERM back until there is a good moment to stop. Lua-free.
** Signals belong to the whole process, and so does this.
*/
#ifndef CM_INTERRUPT_H
#define CM_INTERRUPT_H

void cm_interrupt_hold(void);
void cm_interrupt_release(void);
int cm_interrupt_pending(void);

#endif
