package carriersim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"strings"
)

// label draws a shipping label in the format asked for and returns it in base64. ZPL and PDF show name and address in clear
// text, as real ones do; the pictures show a bar pattern of the number.
func label(format string, p parcel) (string, error) {
	var out bytes.Buffer
	var err error
	switch format {
	case "ZPL", "ZPLII":
		out.WriteString(zpl(p))
	case "PDF":
		out.Write(pdf(p))
	case "GIF":
		err = gif.Encode(&out, bars(p.Number), nil)
	case "PNG":
		err = png.Encode(&out, bars(p.Number))
	default:
		err = fmt.Errorf("label format %q is not offered, use GIF, PNG, PDF or ZPL", format)
	}
	return base64.StdEncoding.EncodeToString(out.Bytes()), err
}

func labelLines(p parcel) []string {
	lines := append([]string{p.To.Name}, p.To.Lines...)
	return append(lines, strings.TrimSpace(p.To.City+" "+p.To.State+" "+p.To.Postal), p.To.Country, p.Number)
}

func zpl(p parcel) string {
	var b strings.Builder
	b.WriteString("^XA\n")
	for i, line := range labelLines(p) {
		fmt.Fprintf(&b, "^FO50,%d^A0N,36,36^FD%s^FS\n", 50+i*44, strings.NewReplacer("^", " ", "~", " ").Replace(line))
	}
	fmt.Fprintf(&b, "^FO50,500^BCN,120,Y,N,N^FD%s^FS\n^XZ\n", p.Number)
	return b.String()
}

func bars(number string) image.Image {
	img := image.NewPaletted(image.Rect(0, 0, len(number)*8, 60), color.Palette{color.White, color.Black})
	for i, c := range []byte(number) {
		for bit := range 8 {
			for y := range 60 {
				img.SetColorIndex(i*8+bit, y, c>>bit&1)
			}
		}
	}
	return img
}

// pdf writes the smallest document that a viewer opens: one page, one text object an address line.
func pdf(p parcel) []byte {
	var text strings.Builder
	for i, line := range labelLines(p) {
		escaped := strings.NewReplacer(`\`, `\\`, "(", `\(`, ")", `\)`).Replace(line)
		fmt.Fprintf(&text, "BT /F 14 Tf 20 %d Td (%s) Tj ET\n", 400-i*20, escaped)
	}
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 288 432] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", text.Len(), text.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	var out bytes.Buffer
	out.WriteString("%PDF-1.4\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = out.Len()
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, o := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&out, "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return out.Bytes()
}

// picture is a small image that stands for a signature or a photo, in base64.
func picture(of string) string {
	var out bytes.Buffer
	if err := gif.Encode(&out, bars(of), nil); err != nil {
		panic(err) // a bytes.Buffer takes everything
	}
	return base64.StdEncoding.EncodeToString(out.Bytes())
}
