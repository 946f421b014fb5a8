package ImageDigest::History::Bugs;

# Bugs that can be switched on, to see whether the checker catches them: patches
# of module/, each of which says at its top in which workload, in how many
# seconds and within how many seeds it is caught, and by which rule.
#
#     for my $bug (ImageDigest::History::Bugs::all()) {
#         $bug->{name}; $bug->{story};
#         @$bug{qw(workload seconds seeds rule)};
#         my $module = ImageDigest::History::Bugs::build($bug);   # its path
#     }
#
# A bug is built in a copy of the tree, where make builds anew what a patch
# touches; ccache knows the rest, as a header is in all files.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use ImageDigest::Util qw(slurp spit top run);

my $copy = 'build/history';
my @parts = qw(config Makefile module/* module/*/* t/run/packages);


sub all { return map { _read($_) } sort glob top() . '/t/history/bugs/*.patch' }


sub _read {
    my ($file) = @_;

    my ($head) = slurp($file) =~ /\A(.*?)^--- /ms
        or die "$file: no patch\n";
    my %bug = (file => $file, name => basename($file, '.patch'));

    $bug{lc $1} = $2 while $head =~ s/^(\w+): (.*)\n//m;

    for (qw(workload seconds seeds rule)) {
        defined $bug{$_} or die "$file: does not say its $_\n";
    }

    $bug{story} = $head =~ s/\s+\z//r;

    return \%bug;
}


# The tree without bugs, as it is now.  Files that did not change keep their
# times, so that make leaves alone what was built of them.

sub _copy {
    my ($to) = @_;

    my @files = grep { -f top() . "/$_" }
                map { s/^\Q@{[ top() ]}\E\///r }
                map { glob top() . "/$_" } @parts;

    for my $file (@files) {
        my ($text, $copy) = (slurp(top() . "/$file"), "$to/$file");

        next if slurp($copy) eq $text && -e $copy;

        make_path(dirname($copy));
        spit($copy, $text);
    }

    chmod 0755, "$to/t/run/packages";
}


sub build {
    my ($bug) = @_;

    my $dir = top() . "/$copy";
    my $module = "$dir/$bug->{name}.so";

    _copy("$dir/tree");
    scalar run('patch', '--quiet', '--directory', "$dir/tree", '--strip', 1,
               '--no-backup-if-mismatch', '--input', $bug->{file});

    # it is another make's business what that was told

    local %ENV = %ENV;
    delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
    $ENV{CCACHE_DIR} = "$dir/ccache";

    my $ccache = (run(qw(ccache --version)))[0] == 0 ? 'ccache ' : '';

    scalar run('make', '--directory', "$dir/tree", 'BUILD=build',
               "CC=$ccache" . ($ENV{CC} // 'cc'), 'CFLAGS=-O1',
               map { defined $ENV{$_} ? "$_=$ENV{$_}" : () }
               qw(NGINX_SRC SANITIZE));

    # what nginx has loaded is replaced, not written over

    scalar run('cp', "$dir/tree/build/ngx_http_image_digest_module.so",
               "$module.new");
    rename "$module.new", $module or die "$module: $!\n";

    return $module;
}


1;
