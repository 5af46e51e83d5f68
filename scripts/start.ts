import { startStack, type Stack } from '../demo/stack.ts'

/** `npm start`: the demo until Ctrl-C. `PORT` is the first port tried. */
const port = Number(process.env['PORT'] ?? 8787)
let stopping = false

const parent = process.ppid
// npm runs this in a shell, which ends on a signal without passing it on.
setInterval(() => process.ppid === parent || process.kill(process.pid, 'SIGTERM'), 500).unref()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (stopping) return
    stopping = true
    void stop()
  })
}

console.log('Starting the Worker, local R2 and KV, and a legacy origin with media …')
const starting = startStack({ port, onOutput: (text) => process.stdout.write(text) })
const stack = await starting.catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
})
if (!stopping) console.log(welcome(stack))
await stack.worker.exited
if (!stopping) {
  await stack.stop()
  console.error('The Worker ended unexpectedly; its log is above.')
  process.exit(1)
}

async function stop(): Promise<void> {
  console.log('\nStopping …')
  // Ctrl-C may come before everything is up: then each part is stopped as soon as it is up.
  await (await starting).stop()
  process.exit(0)
}

function welcome({ worker, origin, token, s3 }: Stack): string {
  const photo = `${worker.url}photos/harbour.jpg`
  const auth = `-H 'Authorization: Bearer ${token}'`
  const { endpoint, bucket, accessKeyId, secretAccessKey } = s3
  // Not every version of curl sends this header by itself, and the signature needs it.
  const signed = `--aws-sigv4 aws:amz:auto:s3 --user ${accessKeyId}:${secretAccessKey} -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD'`
  return `
  Open this page: it signs you in, and shows a picture move from the old server to the new one

         ${worker.url}-/#token=${token}

  Media  ${photo}
         ${worker.url}video/testcard.mp4
  API    ${worker.url}-/docs
  Chain  media (R2, empty) → media_kv (KV, empty) → legacy (${origin.url}), copying on read
  Token  ${token}
  S3     ${endpoint} (bucket ${bucket}, key ${accessKeyId}, secret ${secretAccessKey})

  The same in another terminal

  1. A picture that only the legacy origin has. The second time, it comes from R2:
     curl -s -D - -o /dev/null ${photo}
       Cache-Status: fallback-storage; fwd=uri-miss; stored; detail=legacy     the first time
       Cache-Status: fallback-storage; hit; detail=media                       from then on

  2. Which backend has what:
     curl -s ${auth} '${worker.url}-/api/explain/photos/harbour.jpg'
     curl -s ${auth} '${worker.url}-/api/listdir/photos/'

  3. Deleted stays deleted, although the legacy origin still has it:
     curl -i -X DELETE ${auth} ${photo}
     curl -i ${photo}

  4. All of it as a bucket, for S3 clients:
     curl -s ${signed} '${endpoint}${bucket}?list-type=2'
     AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey} aws --endpoint-url ${endpoint} s3 ls s3://${bucket}/photos/

  Ctrl-C stops everything and forgets the copies.
`
}
