package ImageDigest::History::Random;

# Numbers that look random and come from a seed alone, the same everywhere.
# Perl's own rand is one for a whole process, so that whoever else uses it would
# change a plan.
#
#     my $random = ImageDigest::History::Random->new($seed, 'jobs', 17);
#     $random->between(0.5, 2);
#     $random->whole(3);                  # 0, 1 or 2
#     $random->chance(0.2);
#     $random->one_of(@list);
#     $random->weighted({ a => 3, b => 1 });

use strict;
use warnings;

use Digest::SHA qw(sha256);


# The same names give the same numbers; other names, numbers that have nothing
# to do with them.

sub new {
    my ($class, @names) = @_;

    my $state = unpack 'Q>', sha256(join "\0", @names);

    return bless \$state, $class;
}


# xorshift64*, of which the upper 53 bits make a number under 1

sub number {
    my ($self) = @_;

    my $x = $$self;

    $x ^= $x >> 12;
    $x ^= $x << 25;
    $x ^= $x >> 27;
    $$self = $x;

    my $product = do { use integer; $x * 2685821657736338717 };

    return ($product >> 11) / 2 ** 53;
}


sub between {
    my ($self, $from, $to) = @_;

    return $from + ($to - $from) * $self->number;
}


sub whole   { return int($_[0]->number * $_[1]) }
sub chance  { return $_[0]->number < $_[1] }


sub one_of {
    my ($self, @list) = @_;

    return $list[$self->whole(scalar @list)];
}


sub weighted {
    my ($self, $weights) = @_;

    my $sum = 0;

    $sum += $_ for values %$weights;

    my $at = $self->between(0, $sum);

    for my $name (sort keys %$weights) {
        return $name if ($at -= $weights->{$name}) < 0;
    }

    return (sort keys %$weights)[-1];
}


1;
