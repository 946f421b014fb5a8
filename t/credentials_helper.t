#!/usr/bin/perl

# docs/credentials.md: the recipe for credential helpers.  The script of the
# document, with a helper of the test's own, writes the file that nginx reads
# again; a helper that fails leaves it as it was.

use strict;
use warnings;

use Mojo::JSON qw(decode_json);
use MIME::Base64 qw(decode_base64);
use Test::More;

use ImageDigest::Cache;
use ImageDigest::Image;
use ImageDigest::Registry;
use ImageDigest::Util qw(run slurp spit tempdir top wait_until);

my $dir = tempdir();

my ($script) = slurp(top() . '/docs/credentials.md')
    =~ /^```bash\n(#!.*?)^```\n/ms;

ok $script, 'the script' or BAIL_OUT 'no script in docs/credentials.md';

spit("$dir/registry-credentials", $script);
spit("$dir/docker-credential-test", <<'END');
#!/bin/sh
read -r host || [ -n "$host" ]
[ "$1" = get ] && [ -s "$0.user" ] || { echo 'no credentials' >&2; exit 1; }
printf '{"ServerURL":"%s","Username":"%s","Secret":"%s"}\n' \
    "$host" "$(cat "$0.user")" "$(cat "$0.secret")"
END

chmod 0755, "$dir/registry-credentials", "$dir/docker-credential-test";

$ENV{PATH} = "$dir:$ENV{PATH}";
$ENV{GROUP} = (split ' ', $))[0];

my $registry = ImageDigest::Registry->start(users => { ci => 'pa:ss' });
my $image = ImageDigest::Image->push($registry, 'app:1');
my $file = "$dir/registry.json";


sub helper_says {
    my ($user, $secret) = @_;

    spit("$dir/docker-credential-test.user", $user);
    spit("$dir/docker-credential-test.secret", $secret);

    return system("registry-credentials test $file " . $registry->host
                  . " other.test 2>$dir/log") == 0;
}


ok helper_says('ci', 'wrong'), 'the script runs';
is sprintf('%o', (stat $file)[2] & 07777), '640', 'the group may read it';

my $auths = decode_json(slurp($file))->{auths};

is join(' ', sort keys %$auths), join(' ', sort $registry->host, 'other.test'),
   'an entry for each host';
is decode_base64($auths->{$registry->host}{auth}), 'ci:wrong', 'its secret';

my $cache = ImageDigest::Cache->start(
    resolver  => 'registry ' . $registry->host
                 . " insecure credentials=$file; negative_ttl 0;",
    locations => { i => 'image_digest_ttl 0; image_digest_timeout 20s;' });

is $cache->ask('i', $registry->name('app:1'))->{error}, 'unauthorized',
   'with a wrong password';

ok helper_says('ci', 'pa:ss'), 'the helper has another one';

wait_until {
    $cache->ask('i', $registry->name('app:1'))->{digest} eq $image->digest;
} 'the new password to be used, without a reload';

my $was = slurp($file);

ok !helper_says('', ''), 'a helper that fails';
is slurp($file), $was, '... leaves the file as it was';
is_deeply [glob "$file.*"], [], '... and nothing else behind';

ok helper_says('<token>', 'refresh'), 'a token';
is decode_json(slurp($file))->{auths}{'other.test'}{identitytoken}, 'refresh',
   '... is an identity token';

done_testing;
