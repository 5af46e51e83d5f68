import { AwsClient } from 'aws4fetch'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestProject } from 'vitest/node'
import { BUCKETS, PUBLIC_BUCKET, type S3Server } from '../../s3/provided.ts'
import { freePorts } from './listen.ts'

const script = new URL('radosgw-start.sh', import.meta.url).pathname

/** Ceph's gateway with the tests' buckets, one of which anyone may read. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { server, stop } = await startRadosgw()
  try {
    await createBuckets(server)
  } catch (error) {
    await stop()
    throw error
  }
  project.provide('s3', server)
  return stop
}

/** Ceph's gateway on loopback, without any bucket. */
export async function startRadosgw(): Promise<{ server: S3Server; stop: () => Promise<void> }> {
  const credentials = { accessKeyId: 'RADOSGWKEY', secretAccessKey: 'radosgw-secret/with+signs' }
  const folder = await mkdtemp(join(tmpdir(), 'radosgw-'))
  const [port, monitorPort] = await freePorts(2)
  const gateway = spawn(script, [`${port}`, `${monitorPort}`, folder], {
    env: {
      ...process.env,
      S3_ACCESS_KEY: credentials.accessKeyId,
      S3_SECRET_KEY: credentials.secretAccessKey,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const server: S3Server = {
    flavour: 'radosgw',
    endpoint: `http://127.0.0.1:${port}`,
    region: 'default',
    credentials,
  }
  const stop = async (): Promise<void> => {
    const ended = gateway.exitCode === null ? once(gateway, 'exit') : undefined
    gateway.kill()
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await untilUp(gateway)
  } catch (error) {
    await stop()
    throw error
  }
  return { server, stop }
}

async function untilUp({ stdout }: { stdout: NodeJS.ReadableStream }): Promise<void> {
  for await (const line of createInterface({ input: stdout })) {
    if (line.includes('is up')) return
  }
  throw new Error('radosgw did not start; are ceph-mon, ceph-osd, radosgw and ceph-common installed?')
}

async function createBuckets({ endpoint, region, credentials }: S3Server): Promise<void> {
  const client = new AwsClient({ ...credentials, service: 's3', region, retries: 0 })
  const put = async (path: string, body?: string): Promise<void> => {
    const answer = await client.fetch(`${endpoint}/${path}`, { method: 'PUT', ...(body && { body }) })
    if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status} ${await answer.text()}`)
  }
  for (const bucket of BUCKETS) await put(bucket)
  const arn = `arn:aws:s3:::${PUBLIC_BUCKET}`
  const reading = { Effect: 'Allow', Principal: '*', Action: ['s3:GetObject', 's3:ListBucket'] }
  const policy = { Version: '2012-10-17', Statement: [{ ...reading, Resource: [arn, `${arn}/*`] }] }
  await put(`${PUBLIC_BUCKET}?policy`, JSON.stringify(policy))
}
