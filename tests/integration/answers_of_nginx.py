"""What nginx and this proxy are asked, and on which configuration: ``test_same_answers_as_nginx`` compares."""

from __future__ import annotations

#: ``PORT`` and ``WWW`` are put in.
SERVER = r"""
map $arg_m $mapped {
    default   none;
    one       1;
    ''        empty;
    ~^r(.*)$  re-$1;
    ~*^(?<cap>ab+)c$ $cap;
    $host     never;
    two       $arg_x-$uri;
}
map $http_x_host $named { hostnames; default d; a.example exact; *.example lead; www.* trail; .both.org both; }
geo $arg_a $place { default d; 10.0.0.0/8 ten; 10.1.0.0/16 tenone; 127.0.0.1 home; 2001:db8::/32 six; }
geo $arg_a $ranged { ranges; default d; 10.0.0.0-10.0.0.255 a; 10.0.0.5-10.0.0.9 b; }
split_clients "$arg_k" $share { 10% a; 20.5% b; * c; }

server {
    listen 127.0.0.1:PORT;
    server_name site.example;
    root WWW;
    types { text/html html; text/plain txt; }
    default_type application/octet-stream;

    rewrite ^/srv/(.*)$ /shown/$1;
    rewrite ^/srvlast/(.*)$ /shown/$1?x=1 last;
    if ($arg_block) { return 403; }
    set $late 1;

    location /shown { return 200 "$uri|$args|$request_uri|$is_args|$document_uri|$query_string"; }
    location /map { return 200 "$mapped|$named|$1"; }
    location /geo { return 200 "$place|$ranged"; }
    location /split { return 200 "$share"; }

    location /rw/ {
        rewrite ^/rw/a/(.*)$ /shown/$1 last;
        rewrite ^/rw/b/(.*)$ /shown/b?q=$1 last;
        rewrite ^/rw/c/(.*)$ /shown/c?q=$1? last;
        rewrite ^/rw/d/(.*)$ /shown/d? last;
        rewrite ^/rw/e/(.*)$ /moved/$1 redirect;
        rewrite ^/rw/f/(.*)$ /moved/$1?z permanent;
        rewrite ^/rw/g/(.*)$ http://other.example/$1;
        rewrite ^/rw/h/(.*)$ $scheme://other.example/$1? permanent;
        rewrite ^/rw/i/(.*)/(.*)$ /shown/$2/$1;
        rewrite ^/rw/j$ /rw/k;
        rewrite ^/rw/k$ /shown/k last;
        rewrite ^/rw/l$ /a.html break;
        rewrite ^/rw/m/(.*)$ /moved?u=$1 redirect;
        rewrite ^/rw/(?<part>n[0-9]+)$ /shown/$part/$1;
        return 404;
    }
    location /loop { rewrite ^ /loop last; }
    location /brk { break; return 200 no; }
    location /ret { return 301 /shown?$args; }
    location /ret2 { return http://x.example$uri; }
    location /ret3 { return 307 "/a b"; }
    location /ret4 { return 204; }
    location /ret5 { return 410 "gone: $uri"; }
    location /rel { absolute_redirect off; return 301 /x; }
    location /noport { port_in_redirect off; return 301 /x; }
    location /byname { server_name_in_redirect on; return 301 /x; }

    location /if {
        set $r "";
        if ($arg_a = 1) { set $r "${r}a"; }
        if ($arg_a != 1) { set $r "${r}b"; }
        if ($request_method ~ ^(PO|PU)) { set $r "${r}c$1"; }
        if ($http_x_y ~* "ABC") { set $r "${r}d"; }
        if ($uri !~ nope) { set $r "${r}e"; }
        if ($arg_z) { return 402; }
        if (-f $document_root/a.html) { set $r "${r}f"; }
        if (!-e $document_root/none) { set $r "${r}g"; }
        if (-d $document_root/sub) { set $r "${r}h"; }
        if (-x $document_root/a.html) { set $r "${r}x"; }
        if ($arg_stop) { break; }
        if ($arg_go) { rewrite ^ /shown/go last; }
        return 200 "$r|$1";
    }
    location /ifh {
        add_header X-Where outer;
        if ($arg_a) { add_header X-Where a; }
        if ($arg_b) { add_header X-Other b; }
        if ($arg_c) { root WWW/sub; }
        try_files /b.txt =404;
    }
    location /le { limit_except GET { deny all; } alias WWW/b.txt; }

    location /errors { error_page 404 /404.html; error_page 402 =200 /404.html; return 404; }
    location /err2 { error_page 402 =200 /404.html; return 402; }
    location /err3 { error_page 403 = /shown/e?b=2; return 403; }
    location /err4 { error_page 405 = @named; return 405; }
    location /err5 { error_page 500 http://other.example/; return 500; }
    location /err6 { error_page 500 =301 http://other.example/; return 500; }
    location /err7 { error_page 404 /nowhere; return 404; }
    location /err8 { error_page 404 $arg_t; return 404; }
    location /err9 { error_page 404 =410 @named; try_files /none =404; }
    location /err10 { recursive_error_pages on; error_page 404 /err3; return 404; }
    location /err11 { error_page 404 /err3; return 404; }
    location @named { return 200 "named $uri $args $request_method"; }
    location /internal { internal; return 200 internal; }
    location = /404.html { internal; add_header X-Page yes always; }

    location /head { add_header X-A "a $arg_v"; add_header X-B b always; add_header X-Empty $arg_v; return 200 x; }
    location /head4 { add_header X-A a; add_header X-B b always; return 404; }
    location /exp { expires epoch; add_header Cache-Control public; alias WWW/b.txt; }
    location /expmax { expires max; alias WWW/b.txt; }
    location /expmap { expires $arg_e; return 200 x; }
    location /lm { add_header Last-Modified ""; add_header ETag ""; alias WWW/b.txt; }

    location /cs/ { charset utf-8; alias WWW/; }
    location /cs2 { charset $arg_c; charset_types text/css; default_type text/css; return 200 x; }
    location /cs3 { charset koi8-r; default_type application/x; return 200 x; }
    location /cs4 { charset utf-8; return 301 /x; }
    location /cs5 { charset utf-8; add_header X-T $sent_http_content_type; return 404; }
    location /alias/ { alias WWW/; }
    location /aliasx { alias WWW/b.txt; }
    location ~ ^/re/(.*)\.(.*)$ { alias WWW/$1.$2; }
    location /try/ { try_files $uri /a.html =404; }
    location /trya/ { alias WWW/; try_files $uri $uri/ =404; }
    location /tryn/ { try_files $uri @named; }
    location /tryu/ { try_files $uri /shown/t?u=$uri&$args; }
    location /tryc/ { try_files $uri =418; }
    location /tryd/ { root WWW; try_files /sub/ =404; }
    location /idx/ { alias WWW/; index none.html a.html; }
    location /idxa/ { alias WWW/; index none.html /shown/index; }
    location /auto/ { alias WWW/; index none; autoindex on; }
    location /autoj/ { alias WWW/; index none; autoindex on; autoindex_format json; }
    location /autox/ { alias WWW/; index none; autoindex on; autoindex_format xml; }
    location /autop/ { alias WWW/; index none; autoindex on; autoindex_format jsonp; }
    location /autor/ { alias WWW/; index none; autoindex on; autoindex_exact_size off; }
    location /noetag/ { alias WWW/; etag off; max_ranges 1; if_modified_since before; }
    location /typed/ { alias WWW/; types { } default_type text/x-own; }
    location /vars { return 200 "$document_root|$request_filename|$host|$server_port|$server_name|$scheme"; }
}
"""

#: Asked with GET.
PATHS = r"""
/ /a.html /b.txt?x /x /none /sub /sub?a=1 /sub/ /empty/ /none/ /a.html/ /srv/one?a=1 /srvlast/two?a=1 /srv/
/shown?block=1 /a.html?block=0 /shown? /shown/%41%20b?c%20d /map?m=one /map?m=ONE /map?m= /map?m=rest
/map?m=ABBc /map?m=two&x=q /map?m=none /geo?a=10.2.3.4 /geo?a=10.1.1.1 /geo?a=127.0.0.1 /geo?a=10.0.0.7
/geo?a=10.0.0.200 /geo?a=x /geo?a= /geo?a=2001:db8::1 /split?k=0 /split?k=1 /split?k=2 /split?k=3 /split?k=4
/split?k=5 /split?k=6 /split?k=7 /split?k=8 /split?k=9 /split?k=10 /split?k=11 /rw/a/x /rw/a/x?q=1
/rw/b/x%20y%26z?q=1 /rw/b/plain?q=1 /rw/c/x?q=1 /rw/d/x?q=1 /rw/e/x%20y%25?q=1 /rw/e/%D0%B0%2B+? /rw/f/x?q=1
/rw/f/x /rw/g/a%3Fb?q=1 /rw/h/x?q=1 /rw/i/one/two /rw/i/o%2Fne/two /rw/j /rw/k?z=1 /rw/l /rw/m/a%20b&c?q=1
/rw/n12 /rw/none /loop /brk /ret?a=b /ret2/x /ret3 /ret4 /ret5 /rel /noport /byname /if?a=1 /if?a=2 /if?z=1
/if?z=0 /if?stop=1 /if?go=1&a=1 /if/nope /ifh /ifh?a=1 /ifh?b=1 /ifh?a=1&b=1 /ifh?c=1 /le /errors /err2 /err3?x
/err4?x /err5 /err6 /err7 /err8?t=/404.html /err8?t=/shown /err9 /err10 /err11 /internal /404.html /head
/head?v=1 /head4 /exp /expmax /expmap /expmap?e=epoch /expmap?e=max /expmap?e=off /expmap?e=x /lm
/cs/a.html /cs/x /cs/none /cs/sub /cs2?c=a /cs2?c=off /cs3 /cs4 /cs5
/alias/a.html
/alias/sub /alias/sub/ /alias /aliasx /aliasx/y /re/b.txt /re/sub/index.html /re/none.txt /try/x /try/
/trya/b.txt /trya/sub/ /trya/sub /trya/none /tryn/x?y /tryu/x?a=1 /tryc/x /tryd/x /idx/ /idxa/?q /auto/
/autoj/ /autox/ /autox/empty/ /autop/ /autop/?callback=f /autop/empty/?x&Callback=a._9 /autop/?callback=
/autop/?callback=f() /autop/?callback=$f /autop/?callback=%66
/autor/ /auto/empty/ /autoj/empty/ /typed/a.html /vars /vars/x%20y /%2e%2e/etc /sub/../a.html
/sub//index.html /./a.html /a%2Ehtml /a.html%00 /shown/a.txt /shown/.html /shown/a.HTML?b.txt /shown/a.html/
/shown/a. /shown/x.y.txt
/rw/a/b.txt
"""

#: Asked with other methods.
METHODS = """
POST /a.html, PUT /a.html, HEAD /a.html, POST /none, PUT /none, POST /sub/, OPTIONS /, DELETE /sub/, POST /ret5,
POST /if, HEAD /le, POST /le, DELETE /le, HEAD /errors, POST /errors, POST /err4, HEAD /idx/, POST /auto/
"""

#: Asked with fields, separated by bars.
FIELDS = """
/map | X-Host: a.example
/map | X-Host: b.example
/map | X-Host: c.b.example
/map | X-Host: www.x.y
/map | X-Host: both.org
/map | X-Host: z.both.org
/map | X-Host: A.EXAMPLE.
/map | X-Host: q
/if | X-Y: xabcx
/errors | If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT
/errors | Range: bytes=1-2
/a.html | Range: bytes=0-4
/a.html | Range: bytes=5-
/a.html | Range: bytes=-5
/a.html | Range: bytes=0-0,2-3
/a.html | Range: bytes=0-0, -1
/a.html | Range: bytes=200-
/a.html | Range: bytes=-200
/a.html | Range: bytes=5-2
/a.html | Range: bytes=0-
/a.html | Range: bytes=x
/a.html | Range: items=0-1
/a.html | Range: bytes=0-50,10-90
/a.html | Range: bytes=1-2,500-600
/a.html | Range: bytes=
/a.html | Range: bytes=0-99
/a.html | Range: Bytes=0-1
/a.html | Range: bytes=0-0,
HEAD /a.html | Range: bytes=0-4
/a.html | Range: bytes=0-4 | If-Range: Sun, 09 Sep 2001 01:46:40 GMT
/a.html | Range: bytes=0-4 | If-Range: Sun, 09 Sep 2002 01:46:40 GMT
/a.html | Range: bytes=0-4 | If-Range: "3b9aca00-64"
/a.html | Range: bytes=0-4 | If-Range: "x"
/noetag/a.html | Range: bytes=0-1,3-4
/noetag/a.html | Range: bytes=0-1
/a.html | If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT
/a.html | If-Modified-Since: Sun, 09 Sep 2002 01:46:40 GMT
/a.html | If-Modified-Since: x
/a.html | If-Unmodified-Since: Sun, 09 Sep 2001 01:46:40 GMT
/a.html | If-Unmodified-Since: Sun, 09 Sep 2000 01:46:40 GMT
/a.html | If-None-Match: "3b9aca00-64"
/a.html | If-None-Match: W/"3b9aca00-64"
/a.html | If-None-Match: *
/a.html | If-None-Match: "x", "3b9aca00-64"
/a.html | If-Match: "x"
/a.html | If-Match: *
/a.html | If-Match: "3b9aca00-64"
/a.html | If-Match: W/"3b9aca00-64"
/a.html | If-None-Match: "x" | If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT
/a.html | If-None-Match: "3b9aca00-64" | If-Modified-Since: Sun, 09 Sep 2002 01:46:40 GMT
/noetag/a.html | If-Modified-Since: Sun, 09 Sep 2002 01:46:40 GMT
/noetag/a.html | If-None-Match: *
HEAD /a.html | If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT
"""

#: A path, or a method and a path; further lines are fields.
CASES = [
    *PATHS.split(),
    *" ".join(METHODS.split()).split(", "),
    *[line.replace(" | ", "\n") for line in FIELDS.strip().split("\n")],
]
