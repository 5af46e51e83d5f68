import { effect } from '@preact/signals'
import { showToast } from '../parts/toast.tsx'
import type { NamedFile } from './files.ts'
import { createUploadQueue } from './queue.ts'
import { sendFile } from './send.ts'

/** All uploads of this page. They go on while other views are shown. */
export const queue = createUploadQueue(sendFile)

/** Uploads files to below a folder. */
export function uploadTo(folder: string, files: readonly NamedFile[]): void {
  if (files.length === 0) showToast('There are no files in it.')
  queue.add(files.map(({ path, file }) => ({ name: folder + path, file })))
}

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault()
}

effect(() => {
  if (queue.isBusy.value) addEventListener('beforeunload', warn)
  else removeEventListener('beforeunload', warn)
})
