/** A file and the path that it has below the folder it is uploaded to. */
export interface NamedFile {
  path: string
  file: File
}

/** The files of a file input; those of a chosen folder keep their path. */
export function chosenFiles(files: Iterable<File>): NamedFile[] {
  return Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file }))
}

/** The files of the clipboard. Browsers name a copied picture `image.png`, which says nothing. */
export function pastedFiles(files: Iterable<File>, now = new Date()): NamedFile[] {
  const time = now.toISOString().slice(0, 19).replaceAll(/[:T]/g, '-')
  return Array.from(files, (file) => {
    const extension = /^image(\.\w+)$/.exec(file.name)?.[1]
    return { path: extension === undefined ? file.name : `pasted-${time}${extension}`, file }
  })
}

/** The dropped files, folders with all that is in them. Must be called in the event's handler: it is empty later. */
export async function droppedFiles(items: DataTransferItemList): Promise<NamedFile[]> {
  const found = Array.from(items, async (item) => {
    const entry = item.webkitGetAsEntry()
    if (entry) return filesBelow(entry)
    // Of a picture that was dragged out of another program there is no entry.
    const file = item.getAsFile()
    return file ? [{ path: file.name, file }] : []
  })
  return (await Promise.all(found)).flat()
}

async function filesBelow(entry: FileSystemEntry): Promise<NamedFile[]> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject))
    return [{ path: entry.fullPath.replace(/^\//, ''), file }]
  }
  if (!isDirectory(entry)) return []
  const reader = entry.createReader()
  const found: NamedFile[] = []
  // A reader returns 100 entries at a time, and none at the end.
  for (;;) {
    const entries = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (entries.length === 0) return found
    found.push(...(await Promise.all(entries.map(filesBelow))).flat())
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory
}
