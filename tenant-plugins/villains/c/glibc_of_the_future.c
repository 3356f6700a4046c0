/* Stands in for a C library of the year 2100 while `glibc_too_new.c` is linked; never loaded. */
int function_of_the_future(void);
int function_of_the_future(void) { return 0; }
