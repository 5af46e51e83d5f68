import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { promisify } from 'node:util'
import { listen } from './listen.ts'

export interface TlsProxy {
  port: number
  /** The certificate, which clients must be told to trust. */
  caFile: string
  close(): Promise<void>
}

/** TLS in front of a port of 127.0.0.1, with a new certificate for localhost. The bytes pass unchanged. Needs openssl. */
export async function startTlsProxy(port: number): Promise<TlsProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'tls-'))
  const caFile = join(folder, 'cert.pem')
  const keyFile = join(folder, 'key.pem')
  // oxfmt-ignore
  await promisify(execFile)('openssl', [
    'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1',
    '-keyout', keyFile, '-out', caFile,
  ])
  const server = createServer({ cert: await readFile(caFile), key: await readFile(keyFile) }, (client) => {
    const upstream = connect(port, '127.0.0.1')
    client.pipe(upstream).pipe(client)
    client.on('error', () => upstream.destroy())
    upstream.on('error', () => client.destroy())
    client.on('close', () => upstream.destroy())
    // What is still on its way to the client is sent first.
    upstream.on('close', () => client.end())
  })
  const url = await listen(server)
  return {
    port: Number(new URL(url).port),
    caFile,
    async close() {
      server.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
