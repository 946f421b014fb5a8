package ImageDigest::History::Timeline;

# What each tag named, and when.  A move is known by the time at which it was
# sent and the time at which the registry had answered; it was made somewhere
# between.  So a digest may have been the tag's from the begin of its move to
# the end of the next: the span is never shorter than it really was.
#
#     my $timeline = ImageDigest::History::Timeline->new(@moves);
#     $timeline->named($tag, $digest, $from, $to);    # at some moment of it?
#     $timeline->spans($tag);                         # in order

use strict;
use warnings;

my $ever = 9e15;


sub new {
    my ($class, @moves) = @_;

    my $self = bless { tags => {}, of => {} }, $class;

    for my $move (sort { $a->{start} <=> $b->{start} } @moves) {
        my $spans = $self->{tags}{ $move->{tag} } //= [];

        # a move that was not answered may have been made or not

        if (!defined $move->{ok} || $move->{ok}) {
            $_->{to} = $move->{end} for grep { $_->{to} == $ever } @$spans;
        }

        my $span = { digest => $move->{digest}, from => $move->{start},
                     to => $ever, index => scalar @$spans };

        push @$spans, $span;
        push @{ $self->{of}{ $move->{tag} }{ $move->{digest} } }, $span;
    }

    return $self;
}


sub spans {
    my ($self, $tag) = @_;

    return @{ $self->{tags}{$tag} || [] };
}


sub spans_of {
    my ($self, $tag, $digest) = @_;

    return @{ ($self->{of}{$tag} || {})->{$digest} || [] };
}


# The spans of a digest that have a moment with [$from, $to] in common.

sub within {
    my ($self, $tag, $digest, $from, $to) = @_;

    return grep { $_->{from} <= $to && $_->{to} >= $from }
           $self->spans_of($tag, $digest);
}


sub named {
    my ($self, @o) = @_;

    return scalar(() = $self->within(@o)) ? 1 : 0;
}


# What the tag may have named in it: spans.

sub during {
    my ($self, $tag, $from, $to) = @_;

    return grep { $_->{from} <= $to && $_->{to} >= $from } $self->spans($tag);
}


1;
