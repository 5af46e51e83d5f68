import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, expectAnswer, type Measurement, speedRatio, takeTurns } from './bench.ts'
import { freePorts } from '../test/kit/servers/listen.ts'
import { whileServing } from './server.ts'

const BYTES = 4096

/** The cost of the same chain in a native server: files, then the origin. Only a reference, because it stores on a local disk. */
export const nginx: Measurement = async (bench) => {
  if (spawnSync('nginx', ['-v']).error) return notInstalled('nginx')
  const folder = mkdtempSync(join(tmpdir(), 'bench-nginx-'))
  mkdirSync(join(folder, 'media/hit'), { recursive: true })
  writeFileSync(join(folder, 'media/hit/nginx.jpg'), new Uint8Array(BYTES))
  const [port = 0] = await freePorts(1)
  writeFileSync(join(folder, 'nginx.conf'), configuration(folder, port, bench.contest.origin))
  const command = ['nginx', '-p', folder, '-c', 'nginx.conf', '-e', 'error.log'] as const
  try {
    return await whileServing(command, { port, path: '/hit/nginx.jpg' }, (url) => compare(bench, url))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Prints what was omitted, to explain missing rows. */
export function notInstalled(what: string): [] {
  console.log(`  ${what} is not installed: its rows are left out`)
  return []
}

async function compare(bench: Bench, nginxUrl: string): ReturnType<Measurement> {
  const { contest } = bench
  await contest.store('hit/nginx.jpg', BYTES)
  const hits = [contest.url('own'), nginxUrl].map((base) => ({ url: `${base}/hit/nginx.jpg` }))
  const fallbacks = [
    { url: `${contest.url('own')}/${BYTES}/old.jpg` },
    { url: `${nginxUrl}/proxied/${BYTES}/old.jpg` },
  ]
  for (const target of [...hits, ...fallbacks]) await expectAnswer(target, { status: 200, bytes: BYTES })
  const [own = [], peer = []] = await takeTurns(bench, hits)
  const [ownFallback = [], peerFallback = []] = await takeTurns(bench, fallbacks)
  return [
    speedRatio('primary hit, 4 KiB ÷ nginx from its disk', own, peer),
    speedRatio('fallback hit, 4 KiB ÷ nginx proxy_pass', ownFallback, peerFallback),
  ]
}

function configuration(folder: string, port: number, origin: string): string {
  // If root starts nginx, it switches to a user who cannot read this folder.
  const user = process.getuid?.() === 0 ? 'user root; ' : ''
  return `${user}daemon off; worker_processes 1; pid nginx.pid;
events { worker_connections 256; }
http {
  access_log off; default_type image/jpeg; sendfile on;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  upstream origin { server ${new URL(origin).host}; keepalive 16; }
  server {
    listen 127.0.0.1:${port};
    root ${folder}/media;
    location / { try_files $uri @origin; }
    location @origin {
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_store on; proxy_store_access user:rw;
    }
    location /proxied/ { proxy_pass http://origin/; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`
}
