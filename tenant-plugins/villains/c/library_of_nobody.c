/* Stands in for a library that is on no machine while `needs_a_library.c` is linked; never loaded. */
int function_of_nobody(void);
int function_of_nobody(void) { return 0; }
