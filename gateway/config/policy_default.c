/* The built-in policy is the very text that is installed as an example, so that the two can't
 * differ; the assembler takes it in, which C has no means for. Its path is from the root, where the
 * Makefile compiles. */
#include "gateway/config/policy_yaml.h"

__asm__(".pushsection .rodata\n"
        "policy_default_text:\n"
        ".incbin \"etc/policy.yaml\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char policy_default_text[] __attribute__((visibility("hidden")));

struct bytes policy_default(void)
{
    return bytes_str(policy_default_text);
}
