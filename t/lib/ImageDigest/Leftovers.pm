package ImageDigest::Leftovers;

# What a command that ran with a TMPDIR of its own has left of itself.
#
#     local $ENV{TMPDIR} = tempdir();
#     ...
#     is_deeply [files($ENV{TMPDIR})], [];
#     is_deeply [processes($ENV{TMPDIR})], [];

use strict;
use warnings;

use Exporter qw(import);
use File::Find qw(find);
use ImageDigest::Util qw(slurp);

our @EXPORT_OK = qw(files processes);


# all that is below it, sockets and directories too

sub files {
    my ($dir) = @_;

    my @files;

    find({ no_chdir => 1, wanted => sub { push @files, $_ if $_ ne $dir } },
         $dir);

    return sort @files;
}


# The processes that know of it: by their environment, their arguments (nginx
# overwrites the former), or a file that is open.  As "PID COMMAND".

sub processes {
    my ($dir) = @_;

    my @found;

    for my $proc (glob '/proc/[0-9]*') {
        next if $proc eq "/proc/$$";

        my $arguments = slurp("$proc/cmdline");

        next unless slurp("$proc/environ") =~ /(?:^|\0)TMPDIR=\Q$dir\E\0/
                    || $arguments =~ m{\Q$dir\E/}
                    || grep { (readlink($_) // '') =~ m{^\Q$dir\E/} }
                       glob "$proc/fd/*";

        push @found, $proc =~ s{.*/}{}r . ' ' . $arguments =~ tr/\0/ /r;
    }

    return @found;
}


1;
