import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../eventually.ts'
import { freePorts } from './listen.ts'

export interface Nginx {
  /** Ends in `/`. */
  url: string
  /** The folder that it serves. */
  root: string
  stop(): Promise<void>
}

/** A real nginx on 127.0.0.1 that serves an empty folder and lists it as JSON. */
export async function startNginx(): Promise<Nginx> {
  const home = await mkdtemp(join(tmpdir(), 'nginx-'))
  const root = await mkdtemp(join(tmpdir(), 'nginx-root-'))
  const [port = 0] = await freePorts(1)
  await writeFile(join(home, 'nginx.conf'), configuration({ home, root, port }))
  const binary = process.env['NGINX'] ?? '/usr/sbin/nginx'
  const server = spawn(binary, ['-p', home, '-c', 'nginx.conf', '-e', 'error.log'], { stdio: 'inherit' })
  const exited = once(server, 'exit')
  const url = `http://127.0.0.1:${port}/`
  await Promise.race([untilUp(url), exited.then(() => Promise.reject(new Error('nginx did not start')))])
  return {
    url,
    root,
    async stop() {
      server.kill('SIGTERM')
      await exited
      await Promise.all([home, root].map((path) => rm(path, { recursive: true })))
    },
  }
}

function configuration({ home, root, port }: { home: string; root: string; port: number }): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${home}/${name};`)
    .join('\n  ')
  return `
daemon off;
master_process off;
pid ${home}/nginx.pid;
events {}
http {
  access_log off;
  ${paths}
  types { image/jpeg jpg; text/plain txt; }
  server {
    listen 127.0.0.1:${port};
    root ${root};
    autoindex on;
    autoindex_format json;
  }
}
`
}

async function untilUp(url: string): Promise<void> {
  const answer = await eventually(
    () => `an answer from nginx at ${url}`,
    () => fetch(url).catch(() => null),
  )
  await answer.body?.cancel()
}
