package ImageDigest::Kubernetes;

# An API server of Kubernetes that knows pods alone, on a FaultServer: HTTPS
# by an authority of its own, bearer tokens, lists with limit, continue and
# the field selector for status.podIP, in the shapes of the real one (API
# reference, PodList v1, Status v1).
#
#     my $k8s = ImageDigest::Kubernetes->start;
#     $k8s->pods(pod('name', ip => '10.1.0.7', ...), ...);     # it has these
#     "engine kubernetes " . $k8s->engine . ';'
#     $k8s->ca; $k8s->token_file;
#     $k8s->set(token => 'other');         # it takes another token from now on
#     $k8s->set(allowed => 'ci');          # ... which may list there alone
#     $k8s->set(filler => 1200);           # it has so many others, before them
#     $k8s->expire(1);                     # 410 for so many continue tokens
#     $k8s->set(then => [pods]);           # ... and from then on it has these
#     $k8s->set(odd => '&x=');             # in each continue token
#     $k8s->set(endless => 1);             # there is always a next page
#     $k8s->set(pad => 1_000_000);         # blanks after a list, up to so many
#                                          # bytes
#     $k8s->set(status => 500, ...);       # that answer, with headers and body
#     $k8s->set(slow => 0.2);             # seconds before each answer
#     $k8s->set(hold => 'a');              # calls from now on wait ...
#     $k8s->release('a');                  # ... for this
#     $k8s->lists;                         # what was asked: hashes of path,
#                                          # query (a hash), authorization
#
# clients => FILE: client certificates are asked for, by the authority in it;
# $k8s->clients has their names, one for each request.
#
# pod(NAME, namespace => 'default', ip => '...', ips => [...], phase =>
# 'Running', host_network => 0, containers => [...], init => [...],
# ephemeral => [...]); a container is container(NAME, IMAGE, IMAGE_ID, state =>
# 'running', image => what status.image says).

use strict;
use warnings;

use parent 'ImageDigest::FaultServer';

use Digest::SHA qw(sha256_hex);
use Exporter qw(import);
use Mojo::JSON qw(encode_json true false);
use Mojo::Parameters;
use Mojo::Util qw(b64_encode b64_decode);
use Time::HiRes qw(sleep);
use ImageDigest::Util qw(tempdir spit lines run);

our @EXPORT = qw(pod container sha256);

my $since = '2024-05-02T08:15:30Z';


sub start {
    my ($self, @o) = @_;

    return $self->SUPER::start(@o) if ref $self;

    my $class = $self;
    my $dir = tempdir();
    my $gates = tempdir();
    my $token = 'eyJhbGciOiJSUzI1NiJ9.' . sha256_hex(rand) . '.c2ln';

    $self = $class->SUPER::start(http => sub { _answer($gates, @_) },
                                 tls => _tls($dir), @o);
    @$self{qw(gates files)} = ($gates, $dir);

    spit("$dir/token", "$token\n");

    return $self->set(token => $token, pods => []);
}


# an authority, and what it says of this server

sub _tls {
    my ($dir) = @_;

    my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes
                 -days 2);

    scalar run(qw(openssl req -x509), @key, '-keyout', "$dir/ca.key",
               '-out', "$dir/ca.crt", '-subj', '/CN=kubernetes');
    scalar run(qw(openssl req -x509), @key, '-CA', "$dir/ca.crt", '-CAkey',
               "$dir/ca.key", '-keyout', "$dir/server.key", '-out',
               "$dir/server.crt", '-subj', '/CN=kube-apiserver', '-addext',
               'subjectAltName=DNS:kubernetes.default.svc,IP:127.0.0.1,'
               . 'IP:192.0.2.1',
               '-addext', 'basicConstraints=critical,CA:FALSE');

    return ["$dir/server.crt", "$dir/server.key"];
}


sub ca         { return "$_[0]{files}/ca.crt" }
sub token      { return $_[0]{state}{token} }
sub token_file { return "$_[0]{files}/token" }

sub engine {
    my ($self) = @_;

    return "https://127.0.0.1:$self->{port} ca=" . $self->ca
           . ' token=' . $self->token_file;
}


sub pods {
    my ($self, @pods) = @_;

    return $self->set(pods => \@pods);
}


sub release {
    my ($self, $gate) = @_;

    spit("$self->{gates}/$gate", '');

    return $self;
}


sub lists {
    my ($self) = @_;

    return map {
        my ($path, $query) = split /\?/, $_->{path}, 2;
        { path => $path, method => $_->{method},
          query => Mojo::Parameters->new($query // '')->to_hash,
          authorization => $_->{headers}{authorization} // '' };
    } $self->requests;
}


sub clients { return lines("$_[0]{dir}/clients") }


sub _connection {
    my ($self, $socket) = @_;

    if ($self->{clients}) {
        require IO::Socket::SSL;
        IO::Socket::SSL::set_server_defaults(
            SSL_ca_file => $self->{clients},
            SSL_verify_mode => IO::Socket::SSL::SSL_VERIFY_PEER()
                | IO::Socket::SSL::SSL_VERIFY_FAIL_IF_NO_PEER_CERT());

        my $http = $self->{http};

        $self->{http} = sub {
            my ($req) = @_;
            my $name = $req->{socket}->peer_certificate('commonName');

            $self->_record('clients', sub { $name });

            return $http->($req);
        };
    }

    return if eval { $self->SUPER::_connection($socket); 1 };

    my $error = $@;

    # a reset would overtake the alert of a handshake that failed

    shutdown $socket, 1;
    1 while sysread $socket, my $rest, 65536;

    die $error;
}


sub _json {
    my ($status, $value, %headers) = @_;

    return [$status, { 'Content-Type' => 'application/json', %headers },
            encode_json($value)];
}


# what is not a list

sub _status {
    my ($code, $reason, $message, %headers) = @_;

    return _json($code, { kind => 'Status', apiVersion => 'v1',
                          metadata => {}, status => 'Failure',
                          message => $message, reason => $reason,
                          code => $code }, %headers);
}


sub _answer {
    my ($gates, $req) = @_;

    my $state = $req->{state};

    if (my $gate = $state->{hold}) {
        sleep 0.01 until -e "$gates/$gate";
    }

    sleep $state->{slow} if $state->{slow};

    return [$state->{status}, $state->{headers} || {}, $state->{body} // '']
        if $state->{status};

    my ($path, $query) = split /\?/, $req->{path}, 2;
    my $given = $req->{headers}{authorization} // '';

    return _status(401, 'Unauthorized', 'Unauthorized')
        if $given && $given ne "Bearer $state->{token}";

    return _status(404, 'NotFound',
                   'the server could not find the requested resource')
        unless $path =~ m{^/api/v1/(?:namespaces/([^/]+)/)?pods$};

    my $namespace = $1 // '';
    my $allowed = $state->{allowed} // $namespace;
    my $user = $given ? 'system:serviceaccount:ci:cache' : 'system:anonymous';

    return _status(403, 'Forbidden', qq(pods is forbidden: User "$user" cannot)
                   . ' list resource "pods" in API group ""')
        if !$given || $allowed ne $namespace;

    my $list = _list($state, $namespace, Mojo::Parameters->new($query // ''));

    return $state->{pad} ? _pad($req->{socket}, $list->[2], $state->{pad})
                         : $list;
}


sub _list {
    my ($state, $namespace, $query) = @_;

    my ($limit, $continue, $selector)
        = map { $query->param($_) } qw(limit continue fieldSelector);
    my @pods = @{ $state->{pods} };

    @pods = @{ $state->{then} }
        if $state->{then} && -s $state->{expired} =~ s/:\d+$//r;

    @pods = grep { $_->{metadata}{namespace} eq $namespace } @pods
        if $namespace ne '';

    # by its text, as the real one compares

    if (defined $selector) {
        my ($ip) = $selector =~ /^status\.podIP=([^,=]+)$/
            or return _status(400, 'BadRequest', 'field label not supported');
        @pods = grep { ($_->{status}{podIP} // '') eq $ip } @pods;
    }

    my $odd = $state->{odd} // '';
    my $start = 0;

    if (defined $continue) {
        ($start) = $continue =~ /^\Q$odd\E(.*)$/s
            && b64_decode($1) =~ /^\{"v":"meta.k8s.io\/v1","start":(\d+)\}$/
            or return _status(400, 'BadRequest',
                              'continue key is not valid');

        return _status(410, 'Expired', 'The provided continue parameter is '
                       . 'too old to display a consistent list result.')
            if _expired($state->{expired});
    }

    # pods of no interest come first

    my $filler = $namespace eq '' && !defined $selector
        ? $state->{filler} // 0 : 0;
    my $count = $filler + @pods;
    my $end = $limit && $start + $limit < $count ? $start + $limit : $count;
    my %metadata = (resourceVersion => '48291734');

    if ($state->{endless} || $end < $count) {
        $metadata{continue} = $odd . b64_encode(
            qq({"v":"meta.k8s.io/v1","start":$end}), '');
        $metadata{remainingItemCount} = $count - $end
            if $end < $count && !defined $selector;
    }

    my $text = $filler ? encode_json(pod('filler', containers => [
        container('app', 'filler:1', sha256('filler'))])) : '';

    my @items = map {
        $_ < $filler ? $text : encode_json($pods[$_ - $filler])
    } $start .. $end - 1;

    return [200, { 'Content-Type' => 'application/json' },
            '{"kind":"PodList","apiVersion":"v1","metadata":'
            . encode_json(\%metadata) . ',"items":['
            . join(',', @items) . ']}'];
}


# piece by piece, since IO::Socket::SSL copies what is left for each record

sub _pad {
    my ($socket, $list, $bytes) = @_;

    print $socket "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        . "Connection: close\r\nContent-Length: $bytes\r\n\r\n$list";

    for (my $left = $bytes - length $list; $left > 0; $left -= 16384) {
        print $socket ' ' x ($left < 16384 ? $left : 16384) or last;
    }

    return;
}


# the first ones, in each of the file's lines one; FILE:COUNT

sub _expired {
    my ($what) = @_;

    return 0 unless $what;

    my ($file, $count) = $what =~ /^(.*):(\d+)$/;

    open my $out, '>>', $file or die "$file: $!";
    print $out "\n";
    close $out;

    return $count >= (() = lines($file));
}


# 410 for so many continue tokens from now on

sub expire {
    my ($self, $count) = @_;

    return $self->set(expired => tempdir() . "/expired:$count");
}


# fixtures

sub sha256 { return 'sha256:' . sha256_hex($_[0]) }


sub container {
    my ($name, $image, $id, %o) = @_;

    my $state = $o{state} // 'running';
    my %states = (
        running    => { startedAt => $since },
        waiting    => { reason => 'ImagePullBackOff',
                        message => "Back-off pulling image \"$image\"" },
        terminated => { exitCode => 0, reason => 'Completed',
                        startedAt => $since, finishedAt => $since,
                        containerID => 'containerd://' . sha256_hex($name) },
    );
    my $running = $state eq 'running';

    return [
        { name => $name, image => $image, resources => {},
          command => ['/bin/sh', '-c', 'sleep infinity'],
          env => [{ name => 'IMAGE', value => $image }],
          volumeMounts => [{
              name => 'kube-api-access-x7k2p', readOnly => true,
              mountPath => '/var/run/secrets/kubernetes.io/serviceaccount' }],
          terminationMessagePath => '/dev/termination-log',
          terminationMessagePolicy => 'File',
          imagePullPolicy => 'IfNotPresent' },
        $state eq 'none' ? () :
        { name => $name, state => { $state => $states{$state} },
          lastState => {}, ready => $running ? true : false,
          restartCount => 0, image => $o{image} // $image,
          imageID => $id // '', started => $running ? true : false,
          $running ? (containerID => 'containerd://'
                                     . sha256_hex($name . rand)) : () },
    ];
}


sub pod {
    my ($name, %o) = @_;

    my @ips = @{ $o{ips} || [$o{ip} // ()] };
    my %kinds = (containers => ['containers', 'containerStatuses'],
                 init       => ['initContainers', 'initContainerStatuses'],
                 ephemeral  => ['ephemeralContainers',
                                'ephemeralContainerStatuses']);

    my %spec = (
        volumes => [{ name => 'kube-api-access-x7k2p', projected => {
            defaultMode => 420, sources => [{ serviceAccountToken => {
                expirationSeconds => 3607, path => 'token' } }] } }],
        restartPolicy => 'Always', terminationGracePeriodSeconds => 30,
        dnsPolicy => 'ClusterFirst', serviceAccountName => 'default',
        nodeName => 'node-1', securityContext => {},
        schedulerName => 'default-scheduler', priority => 0,
        enableServiceLinks => true, preemptionPolicy => 'PreemptLowerPriority',
        $o{host_network} ? (hostNetwork => true) : (),
    );

    my %status = (
        phase => $o{phase} // 'Running', hostIP => '192.168.7.11',
        startTime => $since, qosClass => 'BestEffort',
        conditions => [map {
            { type => $_, status => 'True', lastProbeTime => undef,
              lastTransitionTime => $since } }
            qw(Initialized Ready ContainersReady PodScheduled)],
        @ips ? (podIP => $ips[0], podIPs => [map { { ip => $_ } } @ips]) : (),
    );

    for my $kind (keys %kinds) {
        my @containers = @{ $o{$kind} || [] } or next;
        my ($spec, $status) = @{ $kinds{$kind} };

        $spec{$spec} = [map { $_->[0] } @containers];

        # its order is the kubelet's own

        $status{$status} = [reverse map { $_->[1] // () } @containers];
    }

    $spec{containers} ||= [];

    return {
        metadata => {
            name => $name, namespace => $o{namespace} // 'default',
            uid => sha256_hex($name), resourceVersion => '48291001',
            creationTimestamp => $since, labels => { app => $name },
            managedFields => [{
                manager => 'kubelet', operation => 'Update',
                apiVersion => 'v1', time => $since, fieldsType => 'FieldsV1',
                subresource => 'status', fieldsV1 => { 'f:status' => {
                    'f:hostIP' => {}, 'f:phase' => {}, 'f:podIP' => {} } } }],
        },
        spec => \%spec, status => \%status,
    };
}


1;
