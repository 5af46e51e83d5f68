import type { Command } from 'commander'
import { download, fileFor, fileTarget, streamTarget } from '../download.ts'
import { usageError } from '../errors.ts'
import { bytes, took } from '../output.ts'
import { createProgress } from '../progress.ts'
import type { Session, WithSession } from '../session.ts'

export function addGet(program: Command, withSession: WithSession): void {
  program
    .command('get')
    .summary('download an object')
    .description(
      'Downloads an object. An interrupted download resumes where it stopped, unless the object has changed.\n' +
        'Like any other read, it copies the object if migration is on.',
    )
    .argument('<name>', 'name of the object')
    .argument('[file]', 'file or folder to write; - for standard output. Default: the last part of the name')
    .option('--no-resume', 'start over, even if an earlier download was interrupted')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage get photos/harbour.jpg
  fallback-storage get 'photos/photo (1).jpg' ~/Pictures/
  fallback-storage get video/testcard.mp4 - | ffprobe -`,
    )
    .action(withSession(get))
}

async function get(
  { client, output, io }: Session,
  name: string,
  wanted: string | undefined,
  options: { resume: boolean },
): Promise<void> {
  const toStdout = wanted === '-'
  if (toStdout && output.json) throw usageError('--json and - both write to standard output: leave one out')
  const url = client.mediaUrl(name)
  const file = toStdout ? '-' : await fileFor(name, wanted)
  const target = toStdout ? streamTarget(io.stdout) : await fileTarget(file, url, options)
  const progress = createProgress({ label: name, show: bytes }, output)
  const started = Date.now()
  const interrupted = 'Interrupted. Run the same command again to resume the download.'
  const stopListening = toStdout ? undefined : output.onInterrupt(interrupted)
  const { size, etag, contentType, resumedFrom } = await download({
    client,
    name,
    target,
    onProgress: (value, total) => progress.update({ value, total }),
    onLost: (reason) => output.note(`${reason}; resuming at ${bytes(target.offset)}`),
  }).finally(() => {
    progress.end()
    stopListening?.()
  })
  await target.finish?.()
  const from = resumedFrom > 0 ? `, resumed at ${bytes(resumedFrom)}` : ''
  if (output.json) {
    output.record({ name, file, size, etag, content_type: contentType, resumed_from: resumedFrom })
  } else if (!toStdout) output.note(`${file}: ${bytes(size)} in ${took(started)}${from}`)
}
