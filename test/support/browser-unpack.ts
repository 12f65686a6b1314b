// Run as a program of its own, with TMPDIR as the folder to unpack into: the package writes to fixed names there, and
// changes the environment of its process.
import chromium from '@sparticuz/chromium';

process.stdout.write(await chromium.executablePath());
