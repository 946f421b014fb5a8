package ImageDigest::Names;

# The names of a server that is started under it: what getaddrinfo() says of
# them, and how late.
#
#     my $names = ImageDigest::Names->new(
#         'a.test'    => '127.0.0.1',
#         'none.test' => '-',            # there is no such name
#         'slow.test' => '- 3',          # ... which takes three seconds
#     );
#     my $nginx = $names->around(sub { ImageDigest::Nginx->start(...) });

use strict;
use warnings;

use ImageDigest::Util qw(tempdir spit run);

my $library;


sub new {
    my ($class, %names) = @_;

    my $self = bless { dir => tempdir() }, $class;

    $library //= do {
        spit("$self->{dir}/names.c", do { local $/; <DATA> });
        scalar run(qw(cc -O2 -shared -fPIC -o), "$self->{dir}/names.so",
                   "$self->{dir}/names.c");
        "$self->{dir}/names.so";
    };

    spit("$self->{dir}/hosts",
         join '', map { "$_ $names{$_}\n" } sort keys %names);
    chmod 0644, "$self->{dir}/hosts";

    return $self;
}


sub around {
    my ($self, $code) = @_;

    local $ENV{LD_PRELOAD} = $library;
    local $ENV{IMAGE_DIGEST_HOSTS} = "$self->{dir}/hosts";

    return $code->();
}


1;

__DATA__
#define _GNU_SOURCE

#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* nginx drops the environment of its workers */

static char  file[4096];

__attribute__((constructor)) static void
init(void)
{
    const char  *name;

    name = getenv("IMAGE_DIGEST_HOSTS");

    if (name) {
        snprintf(file, sizeof(file), "%s", name);
    }
}

int
getaddrinfo(const char *restrict node, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
    int    found;
    char   line[512], name[256], address[128];
    FILE  *hosts;

    unsigned  seconds;

    static int  (*real)(const char *, const char *, const struct addrinfo *,
                        struct addrinfo **);

    if (real == NULL) {
        real = (int (*)(const char *, const char *, const struct addrinfo *,
                        struct addrinfo **)) dlsym(RTLD_NEXT, "getaddrinfo");
    }

    hosts = node && file[0] ? fopen(file, "re") : NULL;

    if (hosts == NULL) {
        return real(node, service, hints, res);
    }

    found = 0;

    while (!found && fgets(line, sizeof(line), hosts)) {
        seconds = 0;
        found = sscanf(line, "%255s %127s %u", name, address, &seconds) > 1
                && strcasecmp(name, node) == 0;
    }

    fclose(hosts);

    if (!found) {
        return real(node, service, hints, res);
    }

    sleep(seconds);

    if (strcmp(address, "-") == 0) {
        return EAI_NONAME;
    }

    return real(address, service, hints, res);
}
